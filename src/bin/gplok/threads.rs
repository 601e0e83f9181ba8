//! The threads of the program, started once. Without this, the first use of rayon would start them, and panic if there are none
//! to be had.

use std::io::Error;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use rayon::{ThreadBuilder, ThreadPoolBuilder};

use crate::exit::CommandError;

/// Starts as many threads as are wanted, by default one for each processor, or as many of them as the system allows (`ulimit -u`,
/// memory). If it allows none, the thread that calls this does all the work.
pub fn start(wanted: Option<usize>) -> Result<(), CommandError> {
    let wanted = match wanted {
        None | Some(0) => std::thread::available_parallelism().map_or(1, usize::from),
        Some(wanted) => wanted,
    };
    // rayon's pool cannot be built a second time if a thread of it could not be started, so they are started before.
    let (sender, receiver) = channel();
    let receiver = Arc::new(Mutex::new(receiver));
    let mut started = 0;
    while started < wanted && start_thread(&receiver).is_ok() {
        started += 1;
    }
    let builder = ThreadPoolBuilder::new().num_threads(started.max(1));
    let hand_over = |thread| sender.send(thread).map_err(|_| Error::other("a thread has ended"));
    let built = match started {
        0 => builder.use_current_thread().build_global(),
        _ => builder.spawn_handler(hand_over).build_global(),
    };
    built.map_err(|error| format!("cannot start threads: {error}").into())
}

/// Starts a thread that becomes one of rayon's when it receives what it is to do.
fn start_thread(receiver: &Arc<Mutex<Receiver<ThreadBuilder>>>) -> Result<(), Error> {
    let receiver = Arc::clone(receiver);
    let thread = Builder::new().spawn(move || {
        reserve_room();
        let work = receiver.lock().ok().and_then(|receiver| receiver.recv().ok());
        if let Some(work) = work {
            work.run();
        }
    });
    thread.map(drop)
}

/// glibc asks the system for the memory of each thread page by page, ten thousand times for a whole tree. After one large
/// request it keeps the address space, and memory is used only as it is written to.
fn reserve_room() {
    // Two blocks of this size fit into what glibc reserves for a thread at a time.
    const ROOM: usize = 30 << 20;
    // The first block only teaches the C library that blocks can be this large, and that twice as much may stay unused.
    drop(reserved(ROOM + (1 << 20)));
    drop((reserved(ROOM), reserved(ROOM)));
}

/// A block of reserved memory; empty if address space is short.
fn reserved(len: usize) -> Vec<u8> {
    let mut room = Vec::<u8>::new();
    _ = room.try_reserve_exact(len);
    std::hint::black_box(room)
}
