//! Following the values of registers through one function, to the calls that it makes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::body::{Arguments, Body, Call, How};
use super::plumbing::{self, indirect_thunk};
use super::state::{State, Value};
use crate::graph::{Action, AddressSpace, Convention, Register, Spot, Step, Table, Way, convention};

/// How many bytes of a function are read: the largest of a kernel have 20,000.
const MAX_BYTES: u64 = 1 << 15;
/// In functions with more steps the values of registers are not followed: none of them is thin.
const MAX_FOLLOWED: usize = 1500;
/// How many different pointers of a table are followed.
const MAX_ELEMENTS: usize = 64;
/// How often the values at the beginnings of blocks are looked at again; what is not settled then is not known.
const MAX_ROUNDS: usize = 8;

impl Body {
    /// Reads the function that begins at `start`; `None` where no function is known to.
    pub fn read(space: &AddressSpace<'_>, start: u64) -> Option<Self> {
        let (label, end) = space.function(start)?;
        let convention = convention(space.machine())?;
        let whole = start..end.min(start.saturating_add(MAX_BYTES));
        let mut steps = space.steps(whole.clone());
        let own = own(&steps, convention.stack);
        let mut ranges = Vec::from([whole]);
        // What the compiler has put out of the way belongs to it: name.cold, reached by jumps.
        let cold = format!("{}.cold", label.name);
        let piece = |step: &Step| {
            let (Action::Jump(Way::To(Spot::Address(to))) | Action::Branch(Spot::Address(to))) = step.action else {
                return None;
            };
            let piece = space.covering(to).filter(|piece| piece.code && piece.name.starts_with(&cold))?;
            let (_, end) = space.function(piece.address)?;
            Some(piece.address..end.min(piece.address.saturating_add(MAX_BYTES)))
        };
        let mut pieces: Vec<_> = steps.iter().filter_map(piece).collect();
        pieces.sort_by_key(|piece| piece.start);
        pieces.dedup();
        for piece in pieces {
            steps.extend(space.steps(piece.clone()));
            ranges.push(piece);
        }
        let mut body = Self { own, ..Self::default() };
        FlowReader { space, convention, ranges, steps }.follow(&mut body);
        Some(body)
    }
}

/// Counts what is neither handing on nor the frame that functions put up and take down.
fn own(steps: &[Step], stack: Register) -> usize {
    let works = |action: Action| {
        matches!(
            action,
            Action::Load { .. }
                | Action::LoadAt { .. }
                | Action::Element { .. }
                | Action::Derive { .. }
                | Action::Store { .. }
                | Action::Compute { .. }
                | Action::Compare
        )
    };
    let framed = |action: Action| match action {
        Action::Load { base, .. } | Action::Store { base, .. } => base == stack,
        _ => false,
    };
    let mut own = 0;
    let mut last = None;
    for step in steps {
        // An instruction of several steps counts once.
        if works(step.action) && !framed(step.action) && last != Some(step.at) {
            own += 1;
            last = Some(step.at);
        }
    }
    own
}

/// One function, read.
struct FlowReader<'r, 'a> {
    space: &'r AddressSpace<'a>,
    convention: &'static Convention,
    /// The function, and its pieces that stand elsewhere.
    ranges: Vec<Range<u64>>,
    steps: Vec<Step>,
}

impl FlowReader<'_, '_> {
    fn is_inside(&self, address: u64) -> bool {
        self.ranges.iter().any(|range| range.contains(&address))
    }

    /// Follows the values of registers through all ways, and then asks every call what it hands on.
    fn follow(&self, body: &mut Body) {
        let index: HashMap<u64, usize> =
            self.steps.iter().enumerate().rev().map(|(index, step)| (step.at, index)).collect();
        let mut starts: BTreeMap<usize, Option<State>> = BTreeMap::new();
        starts.insert(0, Some(State::at_entry(self.convention)));
        let mut labels: Vec<(usize, usize)> = Vec::new();
        for range in &self.ranges {
            for (code, target) in self.space.jump_labels(range.clone()) {
                let ends = index.get(code).zip(index.get(target));
                labels.extend(ends.map(|(code, target)| (*code, *target)));
            }
        }
        labels.sort_unstable();
        for (number, step) in self.steps.iter().enumerate() {
            if let Some(target) = self.target(step.action).and_then(|target| index.get(&target)) {
                starts.entry(*target).or_default();
                starts.entry(number + 1).or_default();
            }
            if matches!(step.action, Action::Return | Action::Jump(_)) {
                starts.entry(number + 1).or_default();
            }
        }
        for (code, target) in &labels {
            starts.entry(*code).or_default();
            starts.entry(*target).or_default();
        }
        body.loops = self.loops(&starts, &index);
        let is_settled =
            self.steps.len() <= MAX_FOLLOWED && (0..MAX_ROUNDS).any(|_| !self.round(&mut starts, &index, &labels));
        if !is_settled {
            starts.values_mut().for_each(|state| *state = None);
        }
        let mut state: Option<State> = None;
        for (number, step) in self.steps.iter().enumerate() {
            if let Some(start) = starts.get(&number) {
                state.clone_from(start);
            }
            let now = state.get_or_insert_with(|| self.unknown());
            self.record(body, number, step, now);
            self.apply(now, step);
        }
        body.calls.sort_by_key(|call| call.at);
    }

    /// Does a way lead from a block back to it?
    fn loops(&self, starts: &BTreeMap<usize, Option<State>>, index: &HashMap<u64, usize>) -> bool {
        let blocks: Vec<usize> = starts.keys().copied().collect();
        let number = |start: usize| blocks.binary_search(&start).ok();
        let next = |block: usize| {
            let (start, end) = (blocks.get(block).copied(), blocks.get(block + 1).copied());
            let steps = start.and_then(|start| self.steps.get(start..end.unwrap_or(self.steps.len())));
            let mut next = Vec::new();
            for step in steps.unwrap_or_default() {
                next.extend(
                    self.target(step.action).and_then(|target| index.get(&target)).and_then(|start| number(*start)),
                );
            }
            let ends = |step: &Step| matches!(step.action, Action::Return | Action::Jump(_));
            if !steps.and_then(<[Step]>::last).is_some_and(ends) && block + 1 < blocks.len() {
                next.push(block + 1);
            }
            next
        };
        let (mut seen, mut done) = (HashSet::new(), HashSet::new());
        let mut way: Vec<(usize, Vec<usize>)> = Vec::new();
        for first in 0..blocks.len() {
            if seen.insert(first) {
                way.push((first, next(first)));
            }
            while let Some((block, left)) = way.last_mut() {
                match left.pop() {
                    Some(to) if seen.insert(to) => way.push((to, next(to))),
                    Some(to) if !done.contains(&to) => return true,
                    Some(_) => {}
                    None => {
                        done.insert(*block);
                        way.pop();
                    }
                }
            }
        }
        false
    }

    fn unknown(&self) -> State {
        State { registers: vec![Value::Other; self.convention.count], stack: BTreeMap::new() }
    }

    /// Where a step may lead inside the function, besides on.
    fn target(&self, action: Action) -> Option<u64> {
        match action {
            Action::Jump(Way::To(Spot::Address(to))) | Action::Branch(Spot::Address(to)) => {
                Some(to).filter(|to| self.is_inside(*to))
            }
            _ => None,
        }
    }

    /// One round through all blocks; false when nothing has changed.
    fn round(
        &self,
        starts: &mut BTreeMap<usize, Option<State>>,
        index: &HashMap<u64, usize>,
        labels: &[(usize, usize)],
    ) -> bool {
        let mut changed = false;
        let mut join = |starts: &mut BTreeMap<usize, Option<State>>, at: usize, state: &State| {
            if let Some(known) = starts.get_mut(&at) {
                match known {
                    Some(known) => changed |= known.join(state),
                    None => {
                        *known = Some(state.clone());
                        changed = true;
                    }
                }
            }
        };
        let blocks: Vec<usize> = starts.keys().copied().collect();
        for (block, start) in blocks.iter().enumerate() {
            let Some(mut state) = starts.get(start).cloned().flatten() else { continue };
            let end = blocks.get(block + 1).copied().unwrap_or(self.steps.len());
            let mut falls = true;
            let label = labels.binary_search_by_key(start, |(code, _)| *code).ok().and_then(|label| labels.get(label));
            if let Some((_, target)) = label {
                join(starts, *target, &state);
            }
            for step in self.steps.get(*start..end).unwrap_or_default() {
                self.apply(&mut state, step);
                if let Some(target) = self.target(step.action).and_then(|target| index.get(&target)) {
                    join(starts, *target, &state);
                }
                // The jump at a jump label may be taken away.
                falls = label.is_some() || !matches!(step.action, Action::Return | Action::Jump(_));
            }
            if falls {
                join(starts, end, &state);
            }
        }
        changed
    }

    fn apply(&self, state: &mut State, step: &Step) {
        match step.action {
            Action::Copy { to, from, offset } => state.set(to, state.get(from).plus(offset)),
            // In a linked kernel, addresses are numbers.
            Action::Constant { to, value } if self.space.is_address(value.cast_unsigned()) => {
                state.set(to, Value::Address(Spot::Address(value.cast_unsigned())));
            }
            Action::Constant { to, value } => state.set(to, Value::Constant(value)),
            Action::Address { to, of } => state.set(to, Value::Address(of)),
            Action::LoadAt { to, from } => state.set(to, Value::Held(from)),
            Action::Load { to, base, offset } => {
                state.set(to, self.field(state, base, offset));
            }
            Action::Element { to, of } => state.set(to, Self::element(state, of)),
            Action::Store { base, offset, value } => {
                if let Value::Stack(place) = state.get(base).plus(offset) {
                    state.stack.insert(place, value.map_or(Value::Other, |value| state.get(value)));
                }
            }
            Action::Compute { to: Some(to) } => state.set(to, state.get(to).computed()),
            Action::Derive { to, from } => state.set(to, state.get(from).computed()),
            Action::Call(way) => self.call(state, step.at, way),
            Action::Nothing
            | Action::Compute { to: None }
            | Action::Compare
            | Action::Jump(_)
            | Action::Branch(_)
            | Action::Return
            | Action::Trap => {}
        }
    }

    /// What stands in memory at a distance from a register.
    fn field(&self, state: &State, base: Register, offset: i64) -> Value {
        let base = state.get(base);
        match base.plus(offset) {
            Value::Stack(place) => state.stack.get(&place).copied().unwrap_or(Value::Other),
            Value::Argument(_) | Value::OfArguments => Value::OfArguments,
            Value::Address(spot) => Value::Held(spot),
            Value::Inside(spot) => Value::Element(spot),
            _ => match base {
                Value::Held(pointer) => self.held(pointer).map_or(Value::Other, |to| Value::Held(to.plus(offset))),
                _ => Value::Other,
            },
        }
    }

    /// What stands at a known place before anything has been run.
    fn held(&self, place: Spot) -> Option<Spot> {
        self.space.pointer(place.address()?)
    }

    fn element(state: &State, table: Table) -> Value {
        match table {
            Table::At(spot) => Value::Element(spot),
            Table::In(register) => match state.get(register) {
                Value::Address(spot) | Value::Inside(spot) => Value::Element(spot),
                value => value.computed(),
            },
        }
    }

    fn call(&self, state: &mut State, at: u64, way: Way) {
        let name = if let Way::To(spot) = way { self.name(spot) } else { None };
        // What is put before every function to trace it leaves all registers as they were.
        if name.is_some_and(plumbing::keeps_registers) {
            return;
        }
        for (number, value) in state.registers.iter_mut().enumerate() {
            let preserved =
                u8::try_from(number).is_ok_and(|number| self.convention.preserved.contains(&Register(number)));
            if !preserved {
                *value = Value::Lost;
            }
        }
        // Locks and messages give nothing that would be handed on.
        if !name.is_some_and(plumbing::is_plumbing) {
            state.set(self.convention.result, Value::Result(at));
        }
    }

    fn name(&self, spot: Spot) -> Option<&str> {
        match spot {
            Spot::Address(address) => self.space.names(address).last().map(|label| &*label.name),
            Spot::Undefined(index) => self.space.undefined().get(index).map(String::as_str),
        }
    }

    fn record(&self, body: &mut Body, number: usize, step: &Step, state: &State) {
        let (way, tail) = match step.action {
            Action::Call(way) => (way, false),
            Action::Jump(way) if self.target(step.action).is_none() => (way, true),
            Action::Branch(spot) if self.target(step.action).is_none() => (Way::To(spot), true),
            Action::Address { of, .. } => return body.addresses.push((step.at, of)),
            _ => return,
        };
        if let Way::To(spot) = way
            && self.name(spot).is_some_and(plumbing::is_return_thunk)
        {
            return;
        }
        let value = match way {
            Way::To(spot) => match self.name(spot).and_then(indirect_thunk) {
                Some(register) => state.get(register),
                None => Value::Address(spot),
            },
            Way::Through(register) => state.get(register),
            Way::Pointer(spot) => Value::Held(spot),
            Way::Field(register, offset) => self.field(state, register, offset),
            Way::Element(table) => Self::element(state, table),
            Way::Unknown => Value::Other,
        };
        let direct = if tail { How::TailCall } else { How::Call };
        let callees: Vec<(Option<Spot>, How)> = match value {
            Value::Address(spot) => vec![(Some(spot), direct)],
            Value::Held(place) => vec![(self.held(place), How::Pointer)],
            // A switch jumps through a table, too: of places in the function itself.
            Value::Element(Spot::Address(table)) => {
                let all = self.elements(table);
                if tail && !all.is_empty() && all.iter().all(|spot| spot.address().is_some_and(|to| self.is_inside(to)))
                {
                    return;
                }
                match all.as_slice() {
                    [] => vec![(None, direct)],
                    all => all.iter().map(|spot| (Some(*spot), How::Pointer)).collect(),
                }
            }
            _ => vec![(None, direct)],
        };
        let call = Call {
            at: step.at,
            callee: None,
            how: direct,
            arguments: self.arguments(state),
            result: tail || self.is_returned(number, step.at),
            first: match self.convention.arguments.first().map(|register| state.get(*register)) {
                Some(Value::Address(spot)) => Some(spot),
                _ => None,
            },
        };
        body.calls.extend(callees.into_iter().map(|(callee, how)| Call { callee, how, ..call }));
    }

    /// The different pointers of the data that a place lies in; where that has no name, those beside each other.
    fn elements(&self, table: u64) -> Vec<Spot> {
        let mut all: Vec<Spot> = match self.space.covering(table).filter(|label| !label.code && label.size > 0) {
            Some(label) => {
                let range = label.address..label.address.saturating_add(label.size);
                self.space.pointers(range).into_iter().map(|(_, spot)| spot).collect()
            }
            None => (table..).step_by(8).map_while(|at| self.space.pointer(at)).take(MAX_ELEMENTS).collect(),
        };
        all.sort_unstable();
        all.dedup();
        all.truncate(MAX_ELEMENTS);
        all
    }

    /// How the argument registers were come by. How many of them count is not known: up to the first that an earlier call
    /// has left behind.
    fn arguments(&self, state: &State) -> Arguments {
        let mut found = Arguments::Straight;
        for (number, register) in (0..).zip(self.convention.arguments) {
            let class = match state.get(*register) {
                Value::Argument(same) if same == number => Arguments::Straight,
                Value::Argument(_) | Value::Constant(_) => Arguments::Arranged,
                Value::OfArguments => Arguments::Derived,
                Value::Address(_) | Value::Inside(_) | Value::Stack(_) => Arguments::Bound,
                Value::Lost => break,
                Value::Held(_) | Value::Element(_) | Value::Result(_) | Value::Other => Arguments::Own,
            };
            found = found.max(class);
        }
        found
    }

    /// Is what the call gives still in its register when the function returns, as far as its code goes straight on?
    fn is_returned(&self, number: usize, at: u64) -> bool {
        let mut state = self.unknown();
        state.set(self.convention.result, Value::Result(at));
        for step in self.steps.get(number + 1..).unwrap_or_default() {
            match step.action {
                Action::Return => break,
                Action::Jump(Way::To(spot)) if self.name(spot).is_some_and(plumbing::is_return_thunk) => break,
                Action::Jump(_) => return false,
                _ => self.apply(&mut state, step),
            }
        }
        state.get(self.convention.result) == Value::Result(at)
    }
}
