//! How the program ends when it cannot go on: with exit code 2 and a message, never by a signal.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGABRT;

use crate::exit::Exit;
use crate::output::note;

/// Lets the program end with [`Exit::Failed`] where Rust aborts it, after Rust has said why on standard error: when an allocation
/// fails, and when the stack overflows. A panic is an error of gplok, and ends likewise.
pub fn end_with_an_exit_code() {
    // Without this handler everything works, except that such an end has another exit code.
    _ = signal_hook::flag::register_conditional_shutdown(SIGABRT, Exit::Failed as i32, Arc::new(AtomicBool::new(true)));
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            usual(panic);
        }
        // As one line, for it may quote text from files.
        note(format_args!("internal error, please report it: {}", panic.to_string().replacen(":\n", ": ", 1)));
        std::process::exit(Exit::Failed as i32);
    }));
}
