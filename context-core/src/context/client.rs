//! The client contexts: through which client the engine records.
//!
//! A client belongs to the scope that entered it. Code that outlives the scope, because it was spawned or captured, does
//! not see the client any more: it finds the next one outside.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{ContextModel, Frame, Policy, Scope};
use crate::record::Client;
use crate::secret::Secrets;
use crate::stack;

/// A client, and how many scopes it is entered in.
#[derive(Clone, Debug)]
pub(crate) struct ClientScope {
    client: Client,
    depth: Arc<AtomicUsize>,
}

impl ClientScope {
    fn new(client: Client) -> Self {
        Self { client, depth: Arc::default() }
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// True while any scope of the client has not ended.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.depth.load(Ordering::Acquire) > 0
    }

    fn open(&self) -> OpenClient {
        self.depth.fetch_add(1, Ordering::AcqRel);
        OpenClient(self.depth.clone())
    }
}

/// The clients that surround a piece of code, innermost first.
///
/// Code may outlive the scope of the innermost; then the next one that is still open counts.
#[derive(Debug)]
pub(crate) struct ClientLink {
    kind: &'static str,
    scope: ClientScope,
    outside: Option<Arc<Self>>,
}

impl ClientLink {
    /// The chain with `scope` innermost. Clients at its front that have ended are left out.
    fn push(chain: Option<&Arc<Self>>, kind: &'static str, scope: &ClientScope) -> Arc<Self> {
        let mut outside = chain;
        while let Some(link) = outside
            && !link.scope.is_open()
        {
            outside = link.outside.as_ref();
        }
        if let Some(link) = outside
            && link.kind == kind
            && Arc::ptr_eq(&link.scope.depth, &scope.depth)
        {
            return link.clone();
        }
        Arc::new(Self { kind, scope: scope.clone(), outside: outside.cloned() })
    }

    /// Calls `f` with every client, open or not.
    #[inline]
    pub(super) fn each(mut chain: Option<&Arc<Self>>, mut f: impl FnMut(&Client)) {
        while let Some(link) = chain {
            f(link.scope.client());
            chain = link.outside.as_ref();
        }
    }

    /// The innermost client that is open, of one kind or of any.
    #[inline]
    pub(super) fn open<'a>(
        mut chain: Option<&'a Arc<Self>>,
        kind: Option<&str>,
    ) -> Option<&'a ClientScope> {
        while let Some(link) = chain {
            if link.scope.is_open() && kind.is_none_or(|kind| kind == link.kind) {
                return Some(&link.scope);
            }
            chain = link.outside.as_ref();
        }
        None
    }
}

/// One entered scope of a client.
#[derive(Debug)]
struct OpenClient(Arc<AtomicUsize>);

impl Drop for OpenClient {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

macro_rules! client_context {
    ($(#[$doc:meta])* $context:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $context(ClientScope);

        impl $context {
            /// A context of `client`.
            pub fn new(client: Client) -> Self {
                Self(ClientScope::new(client))
            }

            /// The context that surrounds the code, else a new one of the client that records what happens here: that of
            /// the flow run, or else that of the process, with the server that the settings name.
            pub fn get_or_create() -> Self {
                Self::get().unwrap_or_else(|| {
                    Self::new(stack::peek::<Frame, _>(|frame| Frame::with_client(frame, Clone::clone)))
                })
            }

            /// The client.
            pub const fn client(&self) -> &Client {
                self.0.client()
            }

            fn push(&self, current: Option<&Arc<Frame>>) -> Arc<Frame> {
                Frame::with_outer(current, |outer| {
                    let chain = outer.clients.as_ref();
                    outer.clients = Some(ClientLink::push(chain, Self::NAME, &self.0));
                })
            }
        }

        impl ContextModel for $context {
            const NAME: &'static str = stringify!($context);
            const POLICY: Policy = Policy::LOCAL;

            fn get() -> Option<Self> {
                stack::peek::<Frame, _>(|frame| {
                    let chain = frame?.outer()?.clients.as_ref();
                    ClientLink::open(chain, Some(Self::NAME)).cloned().map(Self)
                })
            }

            /// A client has no serial form: a program makes its own.
            fn serialize(&self, _: Secrets) -> Value {
                json!({})
            }

            fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
                let _open = self.0.open();
                let frame = stack::peek::<Frame, _>(|current| self.push(current));
                stack::within(Some(frame), f)
            }

            fn scope<F: Future>(&self, future: F) -> Scope<F> {
                let open = self.0.open();
                let frame = stack::peek::<Frame, _>(|current| self.push(current));
                Scope::holding(future, frame, open)
            }
        }
    };
}

client_context! {
    /// The client of synchronous code. Re-entrant: the client stays open until its outermost scope ends.
    SyncClientContext
}

client_context! {
    /// The client of asynchronous code. Re-entrant: the client stays open until its outermost scope ends.
    ///
    /// # Example: recording a flow run in memory
    ///
    /// ```
    /// use context_core::context::{AsyncClientContext, ContextModel};
    /// use context_core::record::Client;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (client, recorder) = Client::in_memory();
    /// AsyncClientContext::new(client).scope(async { /* call flows here */ }).await;
    /// assert_eq!(recorder.transcript(), "");
    /// # });
    /// ```
    AsyncClientContext
}
