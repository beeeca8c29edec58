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

/// One entered scope of a client.
#[derive(Debug)]
struct OpenClient(Arc<AtomicUsize>);

impl Drop for OpenClient {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

macro_rules! client_context {
    ($(#[$doc:meta])* $context:ident, $slot:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $context(ClientScope);

        impl $context {
            /// A context of `client`.
            pub fn new(client: Client) -> Self {
                Self(ClientScope::new(client))
            }

            /// The context that surrounds the code, else a new one of the process's client.
            pub fn get_or_create() -> Self {
                Self::get().unwrap_or_else(|| Self::new(Client::process_default()))
            }

            /// The client.
            pub const fn client(&self) -> &Client {
                self.0.client()
            }

            fn push(&self, current: Option<&Arc<Frame>>) -> Arc<Frame> {
                Frame::with_outer(current, |outer| {
                    outer.$slot = Some(self.clone());
                    outer.client = Some(self.0.clone());
                })
            }
        }

        impl ContextModel for $context {
            const NAME: &'static str = stringify!($context);
            const POLICY: Policy = Policy::LOCAL;

            fn get() -> Option<Self> {
                stack::peek::<Frame, _>(|frame| frame?.outer()?.$slot.clone())
                    .filter(|context| context.0.is_open())
            }

            /// A client has no serial form: a program makes its own.
            fn serialize(&self, _: Secrets) -> Value {
                json!({})
            }

            fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
                let frame = stack::peek::<Frame, _>(|current| self.push(current));
                let _open = self.0.open();
                stack::within(Some(frame), f)
            }

            fn scope<F: Future>(&self, future: F) -> Scope<F> {
                let frame = stack::peek::<Frame, _>(|current| self.push(current));
                Scope::holding(future, frame, self.0.open())
            }
        }
    };
}

client_context! {
    /// The client of synchronous code. Re-entrant: the client stays open until its outermost scope ends.
    SyncClientContext, sync_client
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
    AsyncClientContext, async_client
}
