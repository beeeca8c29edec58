//! The client: the handle through which the engine records.

use std::fmt;
use std::sync::{Arc, LazyLock, RwLock};

#[cfg(feature = "server")]
use super::Server;
use super::unusable::Unusable;
use super::{Interest, MemoryRecorder, Orchestrator, Recorder, RunEvent, Services};
use crate::settings::Settings;

/// A cheap handle to a recorder, or to several.
///
/// The client in the innermost client context is the one every engine call uses.
///
/// # Example: watching a run
///
/// ```
/// use context_core::record::Client;
///
/// let (client, recorder) = Client::in_memory();
/// // Enter it with `AsyncClientContext::new(client).scope(..)`, then read `recorder`.
/// assert!(recorder.events().is_empty());
/// # drop(client);
/// ```
#[derive(Clone)]
pub struct Client(Option<Arc<Recorders>>);

#[derive(Clone)]
struct Recorders {
    interest: Interest,
    list: Vec<Arc<dyn Recorder>>,
    orchestrator: Option<Arc<dyn Orchestrator>>,
    services: Option<Arc<dyn Services>>,
    #[cfg(feature = "server")]
    server: Option<Server>,
}

impl Recorders {
    const fn none(interest: Interest) -> Self {
        Self {
            interest,
            list: Vec::new(),
            orchestrator: None,
            services: None,
            #[cfg(feature = "server")]
            server: None,
        }
    }
}

/// What runs outside every client context are recorded by; the entry point of a program may replace it.
static DEFAULT: LazyLock<RwLock<Client>> = LazyLock::new(|| RwLock::new(Client::local()));

impl Client {
    /// A client of `recorder`.
    pub fn new(recorder: Arc<dyn Recorder>) -> Self {
        Self::off().and(recorder)
    }

    /// A client that keeps everything in memory, and what it keeps it in.
    pub fn in_memory() -> (Self, Arc<MemoryRecorder>) {
        let recorder = Arc::new(MemoryRecorder::new());
        (Self::new(recorder.clone()), recorder)
    }

    /// A client that records nothing and prepares nothing: the fastest there is.
    ///
    /// Under it, a run's `parameters()` are empty.
    pub const fn off() -> Self {
        Self(None)
    }

    /// A client that records nothing but keeps a run's own parameters readable: the default.
    pub fn local() -> Self {
        let interest = Interest { every_state: false, parameters: true };
        Self(Some(Arc::new(Recorders::none(interest))))
    }

    /// The same client with one more recorder.
    #[must_use]
    pub fn and(&self, recorder: Arc<dyn Recorder>) -> Self {
        let mut recorders = self.recorders();
        recorders.interest = recorders.interest.or(recorder.interest());
        recorders.list.push(recorder);
        Self(Some(Arc::new(recorders)))
    }

    /// The same client under which `orchestrator` decides about flow runs.
    #[must_use]
    pub fn with_orchestrator(&self, orchestrator: Arc<dyn Orchestrator>) -> Self {
        let orchestrator = Some(orchestrator);
        Self(Some(Arc::new(Recorders { orchestrator, ..self.recorders() })))
    }

    /// The same client that tells `server`, which decides about flow runs.
    #[cfg(feature = "server")]
    #[must_use]
    pub fn with_server(&self, server: Server) -> Self {
        let told: Arc<dyn Recorder> = Arc::new(server.clone());
        let decides: Arc<dyn Orchestrator> = Arc::new(server.clone());
        let serves: Arc<dyn Services> = Arc::new(server.clone());
        let mut recorders = self.and(told).with_orchestrator(decides).recorders();
        recorders.services = Some(serves);
        recorders.server = Some(server);
        Self(Some(Arc::new(recorders)))
    }

    /// The same client where nothing that needs a server can be done, because of `problem`.
    fn unusable(&self, problem: impl ToString) -> Self {
        let unusable = Arc::new(Unusable::new(problem));
        let mut recorders = self.with_orchestrator(unusable.clone()).recorders();
        recorders.services = Some(unusable);
        Self(Some(Arc::new(recorders)))
    }

    /// The server that is told, if one is.
    #[cfg(feature = "server")]
    pub fn server(&self) -> Option<&Server> {
        self.0.as_ref()?.server.as_ref()
    }

    /// The same client with `recorder` in place of all recorders: what is recorded is told elsewhere.
    pub(crate) fn told_by(&self, recorder: Arc<dyn Recorder>) -> Self {
        let interest = recorder.interest();
        let list = vec![recorder];
        Self(Some(Arc::new(Recorders { interest, list, ..self.recorders() })))
    }

    /// What the recorders want.
    pub(crate) fn interest(&self) -> Interest {
        self.0.as_ref().map_or(Interest::ENDS, |recorders| recorders.interest)
    }

    /// The client of runs under `settings`, where no client was entered: that of the process, with the server that the
    /// settings name. If that cannot be used, flow runs do not begin, and say why.
    pub(crate) fn under(settings: &Settings) -> Self {
        let process = Self::process_default();
        #[cfg(feature = "server")]
        return match Server::of(settings) {
            Ok(None) => process,
            Ok(Some(server)) => process.with_server(server),
            Err(problem) => process.unusable(problem),
        };
        #[cfg(not(feature = "server"))]
        match settings.api_url() {
            None => process,
            Some(url) => process.unusable(format!(
                "the settings name the server {url}, but this program was built without the feature `server` of \
                 `context`; build it with that feature, or unset PREFECT_API_URL"
            )),
        }
    }

    fn recorders(&self) -> Recorders {
        self.0.as_deref().map_or_else(|| Recorders::none(Interest::ENDS), Clone::clone)
    }

    /// Who decides about flow runs, if not the engine.
    pub fn orchestrator(&self) -> Option<&Arc<dyn Orchestrator>> {
        self.0.as_ref()?.orchestrator.as_ref()
    }

    /// What serves those who talk to the server, if there is one.
    pub(crate) fn services(&self) -> Option<&Arc<dyn Services>> {
        self.0.as_ref()?.services.as_ref()
    }

    /// The client of runs outside every client context.
    pub fn process_default() -> Self {
        DEFAULT.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Replaces the client of runs outside every client context; for the entry point of a program.
    pub fn set_process_default(client: Self) {
        let mut default = DEFAULT.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let former = std::mem::replace(&mut *default, client);
        drop(default);
        drop(former);
    }

    /// True if anybody wants every state.
    #[inline]
    pub(crate) fn wants_every_state(&self) -> bool {
        self.0.as_ref().is_some_and(|recorders| recorders.interest.every_state)
    }

    /// True if anybody wants parameters.
    #[inline]
    pub(crate) fn wants_parameters(&self) -> bool {
        self.0.as_ref().is_some_and(|recorders| recorders.interest.parameters)
    }

    /// True if anybody records at all.
    #[inline]
    pub(crate) fn records(&self) -> bool {
        self.0.as_ref().is_some_and(|recorders| !recorders.list.is_empty())
    }

    /// Tells every recorder.
    pub(crate) fn record(&self, event: &RunEvent<'_>) {
        if let Some(recorders) = &self.0 {
            for recorder in &recorders.list {
                recorder.record(event);
            }
        }
    }

    /// Tells every recorder that a top-level flow run has ended.
    pub(crate) fn flush(&self) {
        if let Some(recorders) = &self.0 {
            for recorder in &recorders.list {
                recorder.flush();
            }
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::process_default()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("Client(off)"),
            Some(recorders) => f.debug_tuple("Client").field(&recorders.list).finish(),
        }
    }
}
