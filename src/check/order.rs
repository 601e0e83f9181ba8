//! The order in which modules are loaded of which one needs another.
//!
//! Chains of modules may be longer than a call stack bears, so nothing here calls itself.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use crate::terms::ByNumber;

/// The largest number of modules that are named of a cycle.
const SHOWN: usize = 32;

/// How many needs are followed to find a shortest cycle, besides four for each need of the module.
const STEPS: usize = 1024;

/// When modules are loaded. A module is loaded after those that it needs, and modules that need each other make up a group: none of
/// them can be loaded first, so each is tried twice, at first without the others.
///
/// A module can be loaded without another one from which it has weak symbols only. Where such needs make a cycle, they do not count.
pub(super) struct Order {
    /// The modules that each module needs itself, in the order of its imports.
    needs: Vec<Vec<usize>>,
    /// Those of them that count for the order, where they are not all of them.
    counting: HashMap<usize, Vec<usize>, ByNumber>,
    /// The modules of each group, and single modules; each after all that it needs.
    groups: Vec<Vec<usize>>,
    /// The group of each module.
    group_of: Vec<usize>,
    /// The modules that are in a cycle, with a number for all modules that are in cycles with them.
    circles: HashMap<usize, usize, ByNumber>,
}

/// One attempt at loading a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub module: usize,
    /// Whether it is loaded without the others of its group, before all of them are tried again.
    pub is_first: bool,
}

/// A cycle of modules: each needs the next, and the last needs the first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cycle {
    pub modules: Vec<usize>,
    /// Whether these are not all.
    pub in_part: bool,
}

impl Order {
    /// `needs` are the modules that each module needs. From those in `weak` it has only symbols that it can do without.
    pub fn new(needs: Vec<Vec<usize>>, weak: &HashSet<(usize, usize)>) -> Self {
        let groups = components(&needs);
        let mut order = Self {
            group_of: places(&groups, needs.len()),
            groups,
            counting: HashMap::default(),
            circles: HashMap::default(),
            needs,
        };
        order.break_circles(weak);
        order
    }

    /// Divides the modules in cycles by the needs that are not weak.
    fn break_circles(&mut self, weak: &HashSet<(usize, usize)>) {
        let circle_of = self.group_of.clone();
        let in_one = |one: usize, other: usize| circle_of.get(one) == circle_of.get(other);
        for (module, needs) in self.needs.iter().enumerate() {
            if needs.iter().any(|need| in_one(module, *need)) {
                self.circles.insert(module, circle_of.get(module).copied().unwrap_or_default());
            }
        }
        if self.circles.is_empty() {
            return;
        }
        let mut strong = vec![Vec::new(); self.needs.len()];
        for module in self.circles.keys() {
            let is_strong = |need: &&usize| in_one(*module, **need) && !weak.contains(&(*module, **need));
            if let Some(place) = strong.get_mut(*module) {
                *place = self.needs(*module).iter().filter(is_strong).copied().collect();
            }
        }
        // Those of one circle stay together, and circles stay in their order.
        let mut groups = components(&strong);
        groups.sort_by_key(|group| group.first().and_then(|first| circle_of.get(*first)).copied());
        let group_of = places(&groups, self.needs.len());
        for module in self.circles.keys() {
            let own = group_of.get(*module);
            let counts = |need: &&usize| **need != *module && group_of.get(**need) <= own;
            self.counting.insert(*module, self.needs(*module).iter().filter(counts).copied().collect());
        }
        self.groups = groups;
        self.group_of = group_of;
    }

    /// How many modules there are.
    pub fn len(&self) -> usize {
        self.needs.len()
    }

    /// The modules that a module needs itself.
    pub fn needs(&self, module: usize) -> &[usize] {
        self.needs.get(module).map_or(&[], Vec::as_slice)
    }

    /// The modules that are loaded before a module, because it needs them itself. Those of its group are among them.
    pub fn before(&self, module: usize) -> &[usize] {
        self.counting.get(&module).map_or_else(|| self.needs(module), Vec::as_slice)
    }

    /// The groups, with their numbers.
    pub fn groups(&self) -> impl Iterator<Item = (usize, &[usize])> {
        self.groups.iter().map(Vec::as_slice).enumerate()
    }

    /// The number of the group of a module.
    pub fn group_of(&self, module: usize) -> usize {
        self.group_of.get(module).copied().unwrap_or_default()
    }

    /// The modules of a group, in the order in which they are loaded.
    pub fn group(&self, group: usize) -> &[usize] {
        self.groups.get(group).map_or(&[], Vec::as_slice)
    }

    /// The modules that are loaded before a module because it needs them itself, without those of its group.
    pub fn outside(&self, module: usize) -> impl Iterator<Item = usize> {
        let own = self.group_of(module);
        self.before(module).iter().copied().filter(move |need| self.group_of(*need) != own)
    }

    /// All turns. Those in one list depend on those in the lists before it only.
    pub fn turns(&self) -> Vec<Vec<Turn>> {
        let mut turns: Vec<Vec<Turn>> = Vec::new();
        // For each group, the list after which all of it is loaded, counted from 1.
        let mut loaded: Vec<usize> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let outside = group.iter().flat_map(|module| self.outside(*module));
            let first = outside.filter_map(|need| loaded.get(self.group_of(need))).max().copied().unwrap_or_default();
            let last = if group.len() > 1 { first + 1 } else { first };
            for list in first..=last {
                if turns.len() == list {
                    turns.push(Vec::new());
                }
                if let Some(turns) = turns.get_mut(list) {
                    turns.extend(group.iter().map(|module| Turn { module: *module, is_first: list < last }));
                }
            }
            loaded.push(last + 1);
        }
        turns
    }

    /// The order in which to load a module and all that it needs in a turn, one after the other: the module is the last. `None` if
    /// these are more than `most`.
    pub fn chain(&self, Turn { module, is_first }: Turn, most: usize) -> Option<Vec<usize>> {
        let own = self.group_of(module);
        let alone = [module];
        let members = |group| if is_first && group == own { &alone } else { self.group(group) };
        let mut chain = Vec::new();
        let mut met = HashSet::<_, ByNumber>::default();
        met.insert(own);
        // Groups, how many of their modules are in the chain already, and how many needs of the next one.
        let mut open = vec![(own, 0, 0)];
        while let Some((group, place, need)) = open.last_mut() {
            if chain.len() >= most || members(*group).len() > most {
                return None;
            }
            let Some(next) = members(*group).get(*place).copied() else {
                open.pop();
                continue;
            };
            match self.before(next).get(*need).map(|need| self.group_of(*need)) {
                Some(needed) => {
                    *need += 1;
                    if met.insert(needed) {
                        open.push((needed, 0, 0));
                    }
                }
                None => {
                    *place += 1;
                    *need = 0;
                    chain.extend((next != module).then_some(next));
                }
            }
        }
        chain.push(module);
        Some(chain)
    }

    /// A shortest cycle that a module is in. Of a long one only the first modules are named. If no short one is found, modules are
    /// named of which each needs the next, and all need each other.
    pub fn cycle(&self, module: usize) -> Option<Cycle> {
        let circle = self.circles.get(&module)?;
        let in_circle = |need: &&usize| self.circles.get(*need) == Some(circle);
        let mut steps = STEPS + 4 * self.needs(module).len();
        let mut from = HashMap::<_, _, ByNumber>::default();
        let mut open = VecDeque::from([module]);
        while let Some(next) = open.pop_front() {
            for need in self.needs(next) {
                if *need == module {
                    return Some(named(back(next, module, &from)));
                }
                steps = steps.saturating_sub(1);
                if in_circle(&need)
                    && let Entry::Vacant(entry) = from.entry(*need)
                {
                    entry.insert(next);
                    open.push_back(*need);
                }
            }
            if steps == 0 {
                break;
            }
        }
        let mut modules = vec![module];
        while let Some(next) = modules.last().and_then(|last| self.needs(*last).iter().find(in_circle))
            && modules.len() < SHOWN
            && !modules.contains(next)
        {
            modules.push(*next);
        }
        Some(Cycle { modules, in_part: true })
    }
}

/// The way that led from `first` to `last`.
fn back(last: usize, first: usize, from: &HashMap<usize, usize, ByNumber>) -> Vec<usize> {
    let mut way = vec![last];
    while let Some(before) = way.last().filter(|last| **last != first).and_then(|last| from.get(last)) {
        way.push(*before);
    }
    way.reverse();
    way
}

fn named(mut modules: Vec<usize>) -> Cycle {
    let in_part = modules.len() > SHOWN;
    modules.truncate(SHOWN);
    Cycle { modules, in_part }
}

/// The place of the list that holds a number, for each number.
fn places(lists: &[Vec<usize>], number: usize) -> Vec<usize> {
    let mut places = vec![0; number];
    for (place, list) in lists.iter().enumerate() {
        for number in list {
            if let Some(of_number) = places.get_mut(*number) {
                *of_number = place;
            }
        }
    }
    places
}

/// A node of which [`components`] has not found the component yet.
#[derive(Clone, Copy, Default)]
struct Visit {
    /// When it was met, counted from 1; 0 before.
    met: usize,
    /// The earliest node that it leads to, by when that was met.
    low: usize,
    is_open: bool,
}

/// The strongly connected components of a graph, each after those that it leads to: Tarjan's algorithm.
fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut components = Vec::with_capacity(edges.len());
    let mut visits = vec![Visit::default(); edges.len()];
    let mut time = 0;
    let mut stack = Vec::new();
    for root in 0..edges.len() {
        if visits[root].met != 0 {
            continue;
        }
        let mut open = vec![(root, 0)];
        while let Some((node, edge)) = open.last_mut() {
            let node = *node;
            if *edge == 0 {
                time += 1;
                visits[node] = Visit { met: time, low: time, is_open: true };
                stack.push(node);
            }
            let next = edges[node].get(*edge).copied();
            *edge += 1;
            match next {
                Some(next) if visits[next].met == 0 => open.push((next, 0)),
                Some(next) if visits[next].is_open => visits[node].low = visits[node].low.min(visits[next].met),
                Some(_) => {}
                None => {
                    open.pop();
                    if let Some((before, _)) = open.last() {
                        visits[*before].low = visits[*before].low.min(visits[node].low);
                    }
                    if visits[node].low == visits[node].met {
                        let mut component = Vec::new();
                        while let Some(member) = stack.pop() {
                            visits[member].is_open = false;
                            component.push(member);
                            if member == node {
                                break;
                            }
                        }
                        components.push(component);
                    }
                }
            }
        }
    }
    components
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(needs: &[&[usize]], weak: &[(usize, usize)]) -> Order {
        Order::new(needs.iter().map(|needs| needs.to_vec()).collect(), &weak.iter().copied().collect())
    }

    fn turn(module: usize) -> Turn {
        Turn { module, is_first: false }
    }

    #[test]
    fn modules_follow_those_that_they_need() {
        let order = order(&[&[1, 2], &[3], &[3], &[], &[]], &[]);
        assert_eq!(order.turns(), [vec![turn(3), turn(4)], vec![turn(1), turn(2)], vec![turn(0)]]);
        assert_eq!(order.chain(turn(0), 4), Some(vec![3, 1, 2, 0]));
        assert_eq!(order.chain(turn(0), 3), None);
        assert_eq!(order.cycle(0), None);
    }

    /// Two modules that need each other, one that they need, and one that needs them.
    #[test]
    fn modules_that_need_each_other_have_two_turns() {
        let order = order(&[&[1, 2], &[0], &[], &[0]], &[]);
        let first = |module| Turn { module, is_first: true };
        let turns = [vec![turn(2)], vec![first(1), first(0)], vec![turn(1), turn(0)], vec![turn(3)]];
        assert_eq!(order.turns(), turns);
        assert_eq!(order.chain(turn(1), 9), Some(vec![2, 0, 1]));
        assert_eq!(order.chain(turn(3), 9), Some(vec![1, 2, 0, 3]));
        assert_eq!(order.chain(first(1), 9), Some(vec![1]));
        assert_eq!(order.cycle(0), Some(Cycle { modules: vec![0, 1], in_part: false }));
        assert_eq!(order.cycle(3), None);
    }

    /// Of two modules that need each other, one has a weak symbol of the other: it can be loaded first.
    #[test]
    fn weak_needs_make_no_group() {
        let order = order(&[&[1], &[0]], &[(0, 1)]);
        assert_eq!(order.turns(), [[turn(0)], [turn(1)]]);
        assert_eq!(order.chain(turn(0), 9), Some(vec![0]));
        assert_eq!(order.chain(turn(1), 9), Some(vec![0, 1]));
        assert_eq!(order.cycle(1), Some(Cycle { modules: vec![1, 0], in_part: false }));
    }

    #[test]
    fn a_module_may_need_itself() {
        let order = order(&[&[0]], &[]);
        assert_eq!(order.turns(), [[turn(0)]]);
        assert_eq!(order.chain(turn(0), 9), Some(vec![0]));
        assert_eq!(order.cycle(0), Some(Cycle { modules: vec![0], in_part: false }));
    }

    /// A call stack does not bear as many calls.
    #[test]
    fn chains_and_cycles_may_be_long() {
        const MODULES: usize = 300_000;
        let chain: Vec<_> = (0..MODULES).map(|module| Vec::from_iter(module.checked_sub(1))).collect();
        let mut cycle = chain.clone();
        cycle[0] = vec![MODULES - 1];
        let chain = Order::new(chain, &HashSet::new());
        assert_eq!(chain.turns().len(), MODULES);
        assert_eq!(chain.chain(turn(MODULES - 1), MODULES).map(|chain| chain.len()), Some(MODULES));
        let cycle = Order::new(cycle, &HashSet::new());
        assert_eq!(cycle.turns().iter().map(Vec::len).collect::<Vec<_>>(), [MODULES; 2]);
        let found = cycle.cycle(100).expect("it is in the cycle");
        assert_eq!((found.modules, found.in_part), ((0..SHOWN).map(|at| 100 - at).collect(), true));
    }
}
