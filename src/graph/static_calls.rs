//! The keys of static calls, which no code refers to.
//!
//! `static_call(name)` calls the trampoline `__SCT__name`, and has the compiler keep a pointer to the key `__SCK__name` in a
//! section that the final link throws away (`__ADDRESSABLE`, include/linux/compiler.h): so the key is a symbol of the object,
//! and must be exported to it. `static_call_mod(name)` leaves no such pointer.

use std::collections::{BTreeSet, HashMap};

use super::program::{Edge, Program, Target, Undefined};

/// Where such pointers stand.
pub(super) const ADDRESSABLE: &str = ".discard.addressable";

impl Program {
    /// Has everything that calls an undefined trampoline refer to its key too, where that is among the names that
    /// [`ADDRESSABLE`] points to.
    pub(super) fn add_static_call_keys(&mut self, addressable: &BTreeSet<String>) {
        let mut keys: HashMap<usize, usize> = HashMap::new();
        for key in addressable {
            let Some(name) = key.strip_prefix("__SCK__") else { continue };
            let index = |wanted: &str, all: &[Undefined]| all.iter().position(|symbol| symbol.name == wanted);
            let Some(trampoline) = index(&format!("__SCT__{name}"), &self.undefined) else { continue };
            let known = index(key, &self.undefined);
            let key = known.unwrap_or_else(|| {
                self.undefined.push(Undefined { name: key.clone(), internal: false });
                self.undefined.len() - 1
            });
            keys.insert(trampoline, key);
        }
        for node in &mut self.nodes {
            let key = |edge: &Edge| match edge.to {
                Target::Undefined(symbol) => {
                    keys.get(&symbol).map(|key| Edge { to: Target::Undefined(*key), at: edge.at })
                }
                Target::Node(_) => None,
            };
            let new: Vec<Edge> = node.edges.iter().filter_map(key).collect();
            let is_new = |edge: &Edge| node.edges.iter().all(|known| known.to != edge.to);
            let new: Vec<Edge> = new.into_iter().filter(is_new).collect();
            node.edges.extend(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::{Program, Target};

    #[test]
    fn a_static_call_needs_its_key_where_the_object_keeps_a_pointer_to_it() {
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
