//! Printing that may become logging.

use std::fmt::Arguments;

use crate::context::{
    ContextModel as _, FlowRunContext, SettingsContext, TaskRunContext, get_run_context,
};

/// Prints a line; inside of a run that logs its prints, logs it at level INFO instead.
///
/// The arguments are those of `println!`. See [`logging`](crate::logging#printing) for when prints are logged.
///
/// # Panics
///
/// As `println!` does if the standard output stream is closed. Logging does not panic.
///
/// # Examples
///
/// ```
/// use context_core::log_print;
///
/// let rows = 12;
/// log_print!("{rows} rows are written");
/// ```
#[macro_export]
macro_rules! log_print {
    () => {
        $crate::log_print!("")
    };
    ($($arguments:tt)+) => {
        if $crate::logging::logs_prints() {
            // Here and not in a function, so that the event comes from the module that prints.
            $crate::logging::__tracing::info!("{}", ::core::format_args!($($arguments)+));
        } else {
            $crate::logging::print(::core::format_args!($($arguments)+));
        }
    };
}

/// Prints a line; what `log_print!` calls.
#[expect(clippy::print_stdout, reason = "the caller has asked for it")]
pub fn print(line: Arguments<'_>) {
    println!("{line}");
}

/// True if what is printed here is to be logged; what `log_print!` asks.
pub fn logs_prints() -> bool {
    get_run_context().is_ok() && log_prints()
}

/// Whether the run that surrounds the code logs its prints.
pub(crate) fn log_prints() -> bool {
    let task = TaskRunContext::get().and_then(|task| task.log_prints());
    let said = task.or_else(|| FlowRunContext::get().and_then(|flow| flow.log_prints()));
    said.unwrap_or_else(|| SettingsContext::get().settings().logging_log_prints())
}

#[cfg(test)]
mod tests {
    #[test]
    fn outside_of_a_run_prints_stay_prints() {
        assert!(!super::logs_prints());
        let name = "x";
        log_print!("{name} {}", 1 + 1);
        log_print!();
    }
}
