//! Logs on the server: what is logged inside a run, under the run's ids.
//!
//! Events of code outside of runs stay where they are, so Prefect's setting for log lines without a flow run has no effect
//! here. So do events with the field `send_to_api = false`, and those about the talk with the server.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use super::console::RunsAndLevels;
use super::line::message;
use super::run::is_run;
use crate::clock::Timestamp;
use crate::context::{ContextModel as _, FlowRunContext, Frame, SettingsContext, TaskRunContext};
use crate::record::server::{LOG, LogRow, Server};
use crate::settings::Settings;
use crate::stack;

/// A layer that sends what is logged inside of runs to the server that is told of them.
///
/// [`init`](super::init) installs it with the console. A program with a subscriber of its own adds it to that. Without a
/// server it does nothing. Which levels are sent is said by `PREFECT_LOGGING_LEVEL` and `RUST_LOG`, as for the console;
/// `PREFECT_LOGGING_TO_API_ENABLED=false` sends nothing.
///
/// # Examples
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let subscriber = tracing_subscriber::registry().with(context_core::logging::api_layer());
/// tracing::subscriber::with_default(subscriber, || {
///     tracing::info!("sent, if this is inside of a run");
///     tracing::info!(send_to_api = false, "not sent");
/// });
/// ```
pub fn api_layer<S>() -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    layer_of(SettingsContext::get().settings())
}

pub(super) fn layer_of<S>(settings: &Settings) -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    settings
        .logging_to_api_enabled()
        .then(|| Sent.with_filter(RunsAndLevels::of(settings, crate::settings::environment)))
}

struct Sent;

/// Whose event it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Owner {
    flow_run_id: Option<Uuid>,
    /// The run that the server knows.
    task_run_id: Option<Uuid>,
}

impl Owner {
    /// Who surrounds the code: spans do not follow code to other threads as the ambient contexts do.
    fn ambient() -> Option<Self> {
        let flow_run_id = FlowRunContext::get().map(|flow| flow.id().as_uuid());
        let task_run_id = TaskRunContext::get().map(|task| task.reported_as().as_uuid());
        (flow_run_id.is_some() || task_run_id.is_some())
            .then_some(Self { flow_run_id, task_run_id })
    }

    /// The server that knows the run.
    fn server(self) -> Option<Server> {
        let of_flow_run = self.flow_run_id.and_then(|id| Server::of_flow_run(id.into()));
        of_flow_run.or_else(|| {
            stack::peek::<Frame, _>(|frame| {
                Frame::with_client(frame, |client| client.server().cloned())
            })
        })
    }

    const fn logger(self) -> &'static str {
        if self.task_run_id.is_some() { "prefect.task_runs" } else { "prefect.flow_runs" }
    }
}

impl<S> Layer<S> for Sent
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if is_run(attributes.metadata())
            && let Some(span) = ctx.span(id)
        {
            let mut ids = Ids::default();
            attributes.record(&mut ids);
            span.extensions_mut().insert(ids.owner());
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        if event.metadata().target() == LOG || is_kept_here(event) {
            return;
        }
        let mut spans = ctx.event_scope(event).into_iter().flatten();
        let of_span = spans.find_map(|span| span.extensions().get::<Owner>().copied());
        let Some(owner) = of_span.or_else(Owner::ambient) else { return };
        let Some(server) = owner.server() else { return };
        let mut text = String::new();
        message(&mut text, event);
        text.truncate(text.trim_end_matches('\n').len());
        server.log(LogRow {
            name: owner.logger().to_owned(),
            level: level(*event.metadata().level()),
            message: text,
            timestamp: Timestamp::now(),
            flow_run_id: owner.flow_run_id,
            task_run_id: owner.task_run_id,
        });
    }
}

/// As Python counts.
const fn level(level: Level) -> i32 {
    match level {
        Level::TRACE | Level::DEBUG => 10,
        Level::INFO => 20,
        Level::WARN => 30,
        Level::ERROR => 40,
    }
}

/// True if the event says that it is not to be sent.
fn is_kept_here(event: &Event<'_>) -> bool {
    struct Said(bool);

    impl Visit for Said {
        fn record_bool(&mut self, field: &Field, value: bool) {
            self.0 |= field.name() == "send_to_api" && !value;
        }

        fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
    }

    // Most events have no such field, and need not be looked through.
    if event.metadata().fields().field("send_to_api").is_none() {
        return false;
    }
    let mut said = Said(false);
    event.record(&mut said);
    said.0
}

/// The ids that the span of a run carries.
#[derive(Default)]
struct Ids {
    flow_run: Option<Uuid>,
    task_run: Option<Uuid>,
    reported_as: Option<Uuid>,
}

impl Ids {
    fn owner(self) -> Owner {
        Owner { flow_run_id: self.flow_run, task_run_id: self.reported_as.or(self.task_run) }
    }
}

impl Visit for Ids {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let id = match field.name() {
            "flow_run_id" => &mut self.flow_run,
            "task_run_id" => &mut self.task_run,
            "reported_as" => &mut self.reported_as,
            _ => return,
        };
        *id = format!("{value:?}").parse().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_python() {
        let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
        assert_eq!(levels.map(level), [10, 10, 20, 30, 40]);
    }

    #[test]
    fn a_run_that_is_reported_as_another_logs_under_that_ones_id() {
        let [flow, task, one] = [1, 2, 3].map(|n| Some(Uuid::from_u128(n)));
        let ids = Ids { flow_run: flow, task_run: task, reported_as: one };
        assert_eq!(ids.owner(), Owner { flow_run_id: flow, task_run_id: one });
        assert_eq!(ids_of_flow(flow).logger(), "prefect.flow_runs");

        fn ids_of_flow(flow_run: Option<Uuid>) -> Owner {
            Ids { flow_run, ..Ids::default() }.owner()
        }
    }
}
