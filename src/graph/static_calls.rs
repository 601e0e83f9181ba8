//! The keys of static calls, to which no code refers.
//!
//! `static_call(name)` calls the trampoline `__SCT__name`, and makes the compiler keep a pointer to the key
//! `__SCK__name` in a section that the final link discards (`__ADDRESSABLE`, include/linux/compiler.h). The key is
//! therefore a symbol of the object, and must be exported to it. `static_call_mod(name)` leaves no such pointer.

use std::collections::{BTreeSet, HashMap};

use super::program::{Edge, Program, Target, Undefined};

/// The section that holds these pointers.
pub(super) const ADDRESSABLE: &str = ".discard.addressable";

impl Program {
    /// Makes every node that refers to an undefined trampoline refer to its key as well. `addressable` are the names of
    /// the undefined symbols that [`ADDRESSABLE`] points to: a key that is not among them is left out.
    pub(super) fn add_static_call_keys(&mut self, addressable: &BTreeSet<String>) {
        let mut keys: HashMap<usize, usize> = HashMap::new();
        for key in addressable {
            let Some(name) = key.strip_prefix("__SCK__") else { continue };
            let Some(trampoline) = self.undefined_index(&format!("__SCT__{name}")) else { continue };
            let key = self.undefined_index(key).unwrap_or_else(|| {
                self.undefined.push(Undefined { name: key.clone(), internal: false });
                self.undefined.len() - 1
            });
            keys.insert(trampoline, key);
        }
        for node in &mut self.nodes {
            let mut new = Vec::new();
            for edge in &node.edges {
                let Target::Undefined(symbol) = edge.to else { continue };
                let Some(key) = keys.get(&symbol) else { continue };
                let to = Target::Undefined(*key);
                if node.edges.iter().all(|known| known.to != to) {
                    new.push(Edge { to, at: edge.at });
                }
            }
            node.edges.extend(new);
        }
    }

    fn undefined_index(&self, name: &str) -> Option<usize> {
        self.undefined.iter().position(|symbol| symbol.name == name)
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::{Program, Target};

    #[test]
    fn a_static_call_needs_its_key_if_the_object_keeps_a_pointer_to_it() {
        let text = "
            .text
            .type f, @function
f:          movq %rdi, %rax
            call __SCT__one
            call __SCT__two
            ret
            .size f, .-f
            .section .discard.addressable,\"aw\"
            .quad __SCK__one
            .quad __SCK__three
";
        let program = Program::of_assembly(text).expect("assembly");
        let name = |target: Target| match target {
            Target::Undefined(symbol) => program.undefined[symbol].name.as_str(),
            Target::Node(node) => program.nodes[node].name.as_str(),
        };
        let node = program.nodes.iter().find(|node| node.name == "f").expect("the function");
        let needed: Vec<&str> = node.edges.iter().map(|edge| name(edge.to)).collect();
        assert_eq!(needed, ["__SCT__one", "__SCT__two", "__SCK__one"]);
    }
}
