//! Runtime information: the run that surrounds the code, attribute by attribute; Prefect's `prefect.runtime`.
//!
//! Unlike the contexts, these functions always have an answer: outside a run it is `None`, empty, or zero. That suits
//! code that runs inside and outside runs, such as a file name with the run's name in it.
//!
//! | module | about | outside a run |
//! |---|---|---|
//! | [`flow_run`] | the innermost flow run, also from inside its tasks | the id in `PREFECT__FLOW_RUN_ID`, if it is set |
//! | [`task_run`] | the innermost task run | nothing |
//! | [`deployment`] | the deployment that the flow run belongs to | nothing |
//!
//! # Answers from the environment
//!
//! To try code that depends on these answers, set the variable `PREFECT__RUNTIME__FLOW_RUN__NAME`, or likewise for
//! another module and attribute: its value takes the place of the answer, inside and outside runs. A value of the wrong
//! form is ignored with one warning in the log, as is one for `tags` or `parameters`, which are not single values. A
//! variable that is set to nothing counts as not set.
//!
//! ```
//! use context_core::runtime;
//!
//! let file = match runtime::flow_run::name() {
//!     Some(run) => format!("report-{run}.csv"),
//!     None => "report.csv".to_owned(),
//! };
//! assert_eq!(file, "report.csv");
//! ```
//!
//! This module reads contexts and settings, and changes neither.

pub mod deployment;
pub mod flow_run;
mod links;
mod mock;
pub mod task_run;

#[cfg(test)]
mod tests;
