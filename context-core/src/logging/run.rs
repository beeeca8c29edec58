//! Which run an event belongs to.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::{FLOW_RUN_SPAN, RUN_TARGET, TASK_RUN_SPAN};
use crate::context::{RunContext, get_run_context};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Flow,
    Task,
}

/// The name of a run, kept with its span. Everything else that the span carries is for others.
#[derive(Debug)]
pub(super) struct RunName {
    pub(super) kind: Kind,
    pub(super) name: String,
}

/// True for what [`RunName`] is kept for.
pub(super) fn is_run(span: &Metadata<'_>) -> bool {
    span.is_span()
        && span.target() == RUN_TARGET
        && matches!(span.name(), FLOW_RUN_SPAN | TASK_RUN_SPAN)
}

impl RunName {
    /// The name in a span of a run.
    pub(super) fn of_span(attributes: &Attributes<'_>) -> Self {
        let kind = match attributes.metadata().name() {
            FLOW_RUN_SPAN => Kind::Flow,
            _ => Kind::Task,
        };
        let mut run = Self { kind, name: String::new() };
        attributes.record(&mut run);
        run
    }

    /// The name, if `record` says it.
    pub(super) fn of_record(kind: Kind, record: &Record<'_>) -> Option<String> {
        let mut run = Self { kind, name: String::new() };
        record.record(&mut run);
        (!run.name.is_empty()).then_some(run.name)
    }

    const fn field(&self) -> &'static str {
        match self.kind {
            Kind::Flow => "flow_run_name",
            Kind::Task => "task_run_name",
        }
    }

    /// Calls `f` with kind and name of the innermost run that `event` belongs to, if there is one.
    pub(super) fn of_event<S, R>(
        event: &Event<'_>,
        ctx: &Context<'_, S>,
        f: impl FnOnce(Option<(Kind, &str)>) -> R,
    ) -> R
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        for span in ctx.event_scope(event).into_iter().flatten() {
            if let Some(run) = span.extensions().get::<Self>() {
                return f(Some((run.kind, &run.name)));
            }
        }
        // Spans do not follow code to other threads as the ambient contexts do.
        match get_run_context() {
            Ok(run) => {
                let kind = match run {
                    RunContext::Flow(_) => Kind::Flow,
                    RunContext::Task(_) => Kind::Task,
                };
                f(Some((kind, &run.name())))
            }
            Err(_) => f(None),
        }
    }
}

impl Visit for RunName {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.field() {
            value.clone_into(&mut self.name);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == self.field() {
            self.name.clear();
            // A name that cannot be shown is shown as far as it can.
            write!(self.name, "{value:?}").ok();
        }
    }
}
