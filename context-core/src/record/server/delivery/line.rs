//! The line to a server: what delivery needs of the API, and nothing else.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;

use context_client::schema::{
    FlowRunFilter, LogCreate, OrchestrationStatus, Query, StateCreate, StateType as ApiStateType,
    TaskRunFilter,
};
use context_client::websocket::EventSender;
use context_client::{ApiError, PrefectClient};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::clock::Timestamp;

/// What a server will answer.
pub(in crate::record::server) type Reply<T> =
    Pin<Box<dyn Future<Output = Result<T, Problem>> + Send>>;

/// Why it did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::record::server) struct Problem {
    /// For people.
    pub(in crate::record::server) text: String,
    /// True if the same may succeed later.
    pub(in crate::record::server) may_pass: bool,
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        // What the server does not understand it will not understand later, save that somebody changes its settings.
        let refused = matches!(error.status(), Some(400..=499))
            && !error.is_unauthorized()
            && error.status() != Some(429);
        Self { text: error.to_string(), may_pass: !refused }
    }
}

/// By what one sees in a task run that its latest event was recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::record::server) enum Shows {
    /// It is in a final state.
    Ended,
    /// It is in a state of this name.
    Named(String),
}

/// What is sent over a connection.
#[derive(Debug)]
pub(in crate::record::server) enum Frame {
    Text(String),
    /// Answered when the server has read all before it.
    Mark(oneshot::Sender<()>),
}

/// An open connection. It is closed when this is dropped.
pub(in crate::record::server) struct Wire {
    pub(super) frames: mpsc::UnboundedSender<Frame>,
    /// Sends what is put into `frames`, as long as it is polled. Ready when the connection has ended.
    pub(super) ended: Pin<Box<dyn Future<Output = Problem> + Send>>,
}

/// A server, as those who deliver see it.
pub(in crate::record::server) trait Line:
    Clone + Send + Sync + 'static
{
    /// Opens a connection for events.
    fn open(&self) -> Reply<Wire>;

    /// How many of these task runs show it.
    fn count(&self, shows: &Shows, ids: &[Uuid]) -> Reply<u64>;

    /// Those of these task runs that the server knows, with the time at which they entered their last state. Not more
    /// than [`PAGE`] at once.
    fn entered(&self, ids: &[Uuid]) -> Reply<Vec<(Uuid, Timestamp)>>;

    /// Those of these flow runs that the server knows. Not more than [`PAGE`] at once.
    fn flow_runs(&self, ids: &[Uuid]) -> Reply<HashSet<Uuid>>;

    /// Appends to the logs.
    fn log(&self, lines: Vec<LogCreate>) -> Reply<()>;

    /// Brings a flow run into a state, if it may go there. Else says why not.
    fn enter(&self, id: Uuid, state: StateCreate, force: bool) -> Reply<Option<String>>;
}

/// The largest page that the server gives.
pub(in crate::record::server) const PAGE: usize = 200;

/// The line to a real server. What fails is tried again by whoever asks, not by the client.
#[derive(Clone, Debug)]
pub(in crate::record::server) struct ApiLine {
    client: PrefectClient,
    /// For what is written: this one tries again by itself.
    patient: PrefectClient,
}

impl ApiLine {
    pub(in crate::record::server) fn new(client: &PrefectClient) -> Self {
        Self { client: client.with_max_retries(0), patient: client.clone() }
    }
}

impl Line for ApiLine {
    fn open(&self) -> Reply<Wire> {
        let client = self.client.clone();
        Box::pin(async move {
            let sender = client.events_in().await?;
            let (frames, told) = mpsc::unbounded_channel();
            Ok(Wire { frames, ended: Box::pin(send_all(sender, told)) })
        })
    }

    fn count(&self, shows: &Shows, ids: &[Uuid]) -> Reply<u64> {
        let filter = TaskRunFilter::new().ids(ids.iter().copied());
        let filter = match shows {
            Shows::Ended => filter.state_types([
                ApiStateType::Completed,
                ApiStateType::Failed,
                ApiStateType::Cancelled,
                ApiStateType::Crashed,
            ]),
            Shows::Named(name) => filter.state_names([name.clone()]),
        };
        let client = self.client.clone();
        Box::pin(async move { Ok(client.count_task_runs(filter).await?) })
    }

    fn entered(&self, ids: &[Uuid]) -> Reply<Vec<(Uuid, Timestamp)>> {
        let filter = TaskRunFilter::new().ids(ids.iter().copied());
        let client = self.client.clone();
        Box::pin(async move {
            let runs = client.read_task_runs(Query::from(filter).limit(PAGE as u32)).await?;
            let entered =
                runs.into_iter().filter_map(|run| Some((run.id, run.state?.timestamp.into())));
            Ok(entered.collect())
        })
    }

    fn flow_runs(&self, ids: &[Uuid]) -> Reply<HashSet<Uuid>> {
        let filter = FlowRunFilter::new().ids(ids.iter().copied());
        let client = self.client.clone();
        Box::pin(async move {
            let runs = client.read_flow_runs(Query::from(filter).limit(PAGE as u32)).await?;
            Ok(runs.into_iter().map(|run| run.id).collect())
        })
    }

    fn log(&self, lines: Vec<LogCreate>) -> Reply<()> {
        let client = self.patient.clone();
        Box::pin(async move { Ok(client.create_logs(&lines).await?) })
    }

    fn enter(&self, id: Uuid, state: StateCreate, force: bool) -> Reply<Option<String>> {
        let client = self.patient.clone();
        Box::pin(async move {
            let answer = client.set_flow_run_state(id, &state, force).await?;
            let is_in_it = answer.status == OrchestrationStatus::Accept || answer.is_repeated();
            let reason = answer.details.reason.unwrap_or_else(|| "no reason was given".to_owned());
            Ok((!is_in_it).then_some(reason))
        })
    }
}

/// Sends frames until there are no more, or the connection ends.
async fn send_all(sender: EventSender, mut frames: mpsc::UnboundedReceiver<Frame>) -> Problem {
    let ended = {
        let sender = sender.clone();
        async move { sender.closed().await }
    };
    let sending = async move {
        while let Some(frame) = frames.recv().await {
            match frame {
                Frame::Text(text) => sender.send_text(text).await?,
                Frame::Mark(read) => {
                    let sender = sender.clone();
                    // An answer takes as long as the server needs to read what is on its way.
                    drop(Handle::current().spawn(async move {
                        if sender.checkpoint().await.is_ok() {
                            // Perhaps nobody waits any more.
                            read.send(()).ok();
                        }
                    }));
                }
            }
        }
        sender.close().await
    };
    let (mut ended, mut sending) = (Box::pin(ended), Box::pin(sending));
    let mut is_sending = true;
    std::future::poll_fn(move |cx| {
        if is_sending && sending.as_mut().poll(cx).is_ready() {
            is_sending = false;
        }
        ended.as_mut().poll(cx).map(Problem::from)
    })
    .await
}
