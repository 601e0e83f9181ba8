//! Follows the values of registers through one function, to find what each call passes on.
//!
//! The analysis does not run code. A value that depends on more than the arguments, constants and known addresses is
//! unknown, and so is what memory holds that the function itself may have changed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::body::{Arguments, Body, Call, How};
use super::plumbing::{self, indirect_thunk};
use super::state::{State, Value};
use crate::graph::{Action, AddressSpace, Convention, Register, Spot, Step, Table, Way, convention};

/// How many bytes of a function are read. The largest functions of a kernel have 20,000.
const MAX_BYTES: u64 = 1 << 15;
/// Functions with more steps are not followed, because none of them is a thin wrapper: all their values are unknown.
const MAX_FOLLOWED: usize = 1500;
/// How many different pointers of a table are followed.
const MAX_ELEMENTS: usize = 64;
/// How many rounds the values at the starts of blocks get to settle. If they have not settled by then, all are unknown.
const MAX_ROUNDS: usize = 8;

/// The values at the starts of blocks, by index of the block's first step; `None` while no value has reached the block.
type BlockStarts = BTreeMap<usize, Option<State>>;

impl Body {
    /// Reads the function that begins at `start`; `None` if no known function begins there.
    pub fn read(space: &AddressSpace<'_>, start: u64) -> Option<Self> {
        let (label, end) = space.function(start)?;
        let convention = convention(space.machine())?;
        let whole = start..end.min(start.saturating_add(MAX_BYTES));
        let mut steps = space.steps(whole.clone());
        let own = count_own(&steps, convention.stack);
        let mut ranges = Vec::from([whole]);
        // Compilers move unlikely code out of line, to NAME.cold. It still belongs to the function, which jumps to it.
        let cold = format!("{}.cold", label.name);
        let mut pieces: Vec<_> = steps.iter().filter_map(|step| cold_piece(space, step.action, &cold)).collect();
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

/// The range of the cold piece that a jump leads to, if it leads to one. `cold` is how the piece's name begins.
fn cold_piece(space: &AddressSpace<'_>, action: Action, cold: &str) -> Option<Range<u64>> {
    let (Action::Jump(Way::To(Spot::Address(to))) | Action::Branch(Spot::Address(to))) = action else { return None };
    let piece = space.covering(to).filter(|piece| piece.code && piece.name.starts_with(cold))?;
    let (_, end) = space.function(piece.address)?;
    Some(piece.address..end.min(piece.address.saturating_add(MAX_BYTES)))
}

/// Counts the instructions that neither pass something on nor set up or tear down the stack frame.
fn count_own(steps: &[Step], stack: Register) -> usize {
    let mut own = 0;
    let mut last = None;
    for step in steps {
        // An instruction of several steps counts once.
        if is_work(step.action, stack) && last != Some(step.at) {
            own += 1;
            last = Some(step.at);
        }
    }
    own
}

fn is_work(action: Action, stack: Register) -> bool {
    match action {
        Action::Load { base, .. } | Action::Store { base, .. } => base != stack,
        Action::LoadAt { .. }
        | Action::Element { .. }
        | Action::Derive { .. }
        | Action::Compute { .. }
        | Action::Compare => true,
        _ => false,
    }
}

/// Returns whether the next step is never reached from this one.
const fn ends_block(action: Action) -> bool {
    matches!(action, Action::Return | Action::Jump(_))
}

/// Merges `state` into the values at the start of a block, and returns whether that changed them.
fn join(starts: &mut BlockStarts, at: usize, state: &State) -> bool {
    match starts.get_mut(&at) {
        Some(Some(known)) => known.join(state),
        Some(unreached) => {
            *unreached = Some(state.clone());
            true
        }
        None => false,
    }
}

/// One function, decoded.
struct FlowReader<'r, 'a> {
    space: &'r AddressSpace<'a>,
    convention: &'static Convention,
    /// The function, and its cold pieces.
    ranges: Vec<Range<u64>>,
    steps: Vec<Step>,
}

impl FlowReader<'_, '_> {
    fn is_inside(&self, address: u64) -> bool {
        self.ranges.iter().any(|range| range.contains(&address))
    }

    /// Follows the values of registers along all paths, then records each call with what it passes on.
    fn follow(&self, body: &mut Body) {
        let index: HashMap<u64, usize> =
            self.steps.iter().enumerate().rev().map(|(index, step)| (step.at, index)).collect();
        let labels = self.jump_labels(&index);
        let mut starts = self.blocks(&index, &labels);
        body.loops = self.has_loop(&starts, &index);
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

    /// The jump labels inside the function, each as the indices of its step and of the step it may jump to; sorted.
    fn jump_labels(&self, index: &HashMap<u64, usize>) -> Vec<(usize, usize)> {
        let mut labels: Vec<(usize, usize)> = Vec::new();
        for range in &self.ranges {
            for (code, target) in self.space.jump_labels(range.clone()) {
                let ends = index.get(code).zip(index.get(target));
                labels.extend(ends.map(|(code, target)| (*code, *target)));
            }
        }
        labels.sort_unstable();
        labels
    }

    /// Divides the function into blocks. Only the state at the entry is known.
    fn blocks(&self, index: &HashMap<u64, usize>, labels: &[(usize, usize)]) -> BlockStarts {
        let mut starts = BlockStarts::new();
        starts.insert(0, Some(State::at_entry(self.convention)));
        for (number, step) in self.steps.iter().enumerate() {
            if let Some(target) = self.target(step.action).and_then(|target| index.get(&target)) {
                starts.entry(*target).or_default();
                starts.entry(number + 1).or_default();
            }
            if ends_block(step.action) {
                starts.entry(number + 1).or_default();
            }
        }
        for (code, target) in labels {
            starts.entry(*code).or_default();
            starts.entry(*target).or_default();
        }
        starts
    }

    /// Returns whether a path leads from a block back to itself.
    fn has_loop(&self, starts: &BlockStarts, index: &HashMap<u64, usize>) -> bool {
        let blocks: Vec<usize> = starts.keys().copied().collect();
        let mut seen = HashSet::new();
        let mut done = HashSet::new();
        // A depth-first search: each block on the path, with its successors that are still to be visited.
        let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
        for first in 0..blocks.len() {
            if seen.insert(first) {
                path.push((first, self.successors(&blocks, first, index)));
            }
            while let Some((block, left)) = path.last_mut() {
                match left.pop() {
                    Some(to) if seen.insert(to) => path.push((to, self.successors(&blocks, to, index))),
                    Some(to) if !done.contains(&to) => return true,
                    Some(_) => {}
                    None => {
                        done.insert(*block);
                        path.pop();
                    }
                }
            }
        }
        false
    }

    /// The blocks that may run directly after a block. `blocks` are the indices of their first steps.
    fn successors(&self, blocks: &[usize], block: usize, index: &HashMap<u64, usize>) -> Vec<usize> {
        let end = blocks.get(block + 1).copied().unwrap_or(self.steps.len());
        let steps = blocks.get(block).and_then(|start| self.steps.get(*start..end)).unwrap_or_default();
        let mut next = Vec::new();
        for step in steps {
            let target = self.target(step.action).and_then(|target| index.get(&target));
            next.extend(target.and_then(|start| blocks.binary_search(start).ok()));
        }
        let falls_through = !steps.last().is_some_and(|last| ends_block(last.action));
        if falls_through && block + 1 < blocks.len() {
            next.push(block + 1);
        }
        next
    }

    fn unknown(&self) -> State {
        State { registers: vec![Value::Other; self.convention.count], stack: BTreeMap::new() }
    }

    /// Where a step may jump to inside the function.
    fn target(&self, action: Action) -> Option<u64> {
        match action {
            Action::Jump(Way::To(Spot::Address(to))) | Action::Branch(Spot::Address(to)) => {
                Some(to).filter(|to| self.is_inside(*to))
            }
            _ => None,
        }
    }

    /// Carries the values once through all blocks; returns false when nothing changed.
    fn round(&self, starts: &mut BlockStarts, index: &HashMap<u64, usize>, labels: &[(usize, usize)]) -> bool {
        let mut changed = false;
        let blocks: Vec<usize> = starts.keys().copied().collect();
        for (block, start) in blocks.iter().enumerate() {
            let Some(mut state) = starts.get(start).cloned().flatten() else { continue };
            let end = blocks.get(block + 1).copied().unwrap_or(self.steps.len());
            let mut falls_through = true;
            let label = labels.binary_search_by_key(start, |(code, _)| *code).ok().and_then(|label| labels.get(label));
            if let Some((_, target)) = label {
                changed |= join(starts, *target, &state);
            }
            for step in self.steps.get(*start..end).unwrap_or_default() {
                self.apply(&mut state, step);
                if let Some(target) = self.target(step.action).and_then(|target| index.get(&target)) {
                    changed |= join(starts, *target, &state);
                }
                // The kernel may replace the jump at a jump label by a nop.
                falls_through = label.is_some() || !ends_block(step.action);
            }
            if falls_through {
                changed |= join(starts, end, &state);
            }
        }
        changed
    }

    /// Updates the state by what a step does.
    fn apply(&self, state: &mut State, step: &Step) {
        match step.action {
            Action::Copy { to, from, offset } => state.set(to, state.get(from).plus(offset)),
            // In a linked kernel, an address is a plain number.
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

    /// The value in memory at an offset from a register.
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

    /// The pointer that is stored at a known address before any code has run.
    fn held(&self, place: Spot) -> Option<Spot> {
        self.space.pointer(place.address()?)
    }

    /// One of the words of a table.
    fn element(state: &State, table: Table) -> Value {
        match table {
            Table::At(spot) => Value::Element(spot),
            Table::In(register) => match state.get(register) {
                Value::Address(spot) | Value::Inside(spot) => Value::Element(spot),
                value => value.computed(),
            },
        }
    }

    /// Updates the state by a call.
    fn call(&self, state: &mut State, at: u64, way: Way) {
        let name = if let Way::To(spot) = way { self.name(spot) } else { None };
        // The hook that ftrace puts before every function preserves all registers.
        if name.is_some_and(plumbing::keeps_registers) {
            return;
        }
        for (number, value) in state.registers.iter_mut().enumerate() {
            let is_preserved =
                u8::try_from(number).is_ok_and(|number| self.convention.preserved.contains(&Register(number)));
            if !is_preserved {
                *value = Value::Lost;
            }
        }
        // What locks and messages return is never passed on.
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

    /// Records what a step calls, or the address it takes.
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
            // A switch also jumps through a table, but all its targets lie in the function itself.
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

    /// The different pointers of a table: all those of the data symbol that covers the address, or, if none does, the
    /// pointers that follow each other from the address on. At most [`MAX_ELEMENTS`].
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

    /// Where the values in the argument registers come from. How many arguments the callee takes is not known:
    /// registers count up to the first that an earlier call has overwritten.
    fn arguments(&self, state: &State) -> Arguments {
        let mut found = Arguments::Straight;
        for (number, register) in (0..).zip(self.convention.arguments) {
            let class = match state.get(*register) {
                Value::Argument(argument) if argument == number => Arguments::Straight,
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

    /// Returns whether the call's result is still in the result register when the function returns. Only straight-line
    /// code is followed.
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
