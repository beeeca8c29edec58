//! The engine: how a call of an annotated function becomes a tracked run.
//!
//! `machine` decides: a pure state machine of states, retries and ends. `run` ties one machine to what surrounds it:
//! it builds frames, names runs and tells the recorder. Two drivers without decisions of their own execute it: `call`
//! for futures, `blocking` for plain functions. What depends on the user's types is a few generic lines around them.
//!
//! The engine does not know how runs are shown, served or configured.

mod blocking;
mod body;
mod call;
mod codec;
mod future;
mod futures;
mod glue;
mod group;
mod input;
mod machine;
mod map;
mod options;
mod remote;
mod returned;
mod run;
mod steps;
mod submit;
mod task_runner;
mod tracked;

pub use blocking::{flow_blocking, task_blocking};
pub use body::{
    Asynchronous, Attempt, Blocking, Body, CopiedArguments, CopyOf, CopyProbe, FlowFn, LeaveProbe,
    LeavingArguments, LeavingFuture, LocalArguments, LocalFuture, Mode, MovedArguments, Once,
    OwnedArgument, Perhaps, Retried, RetryArgument, SendArguments, SendFuture, SendProbe,
    StayingArguments, StayingFuture, TaskFn, assert_carries_run_error,
    assert_output_carries_run_error,
};
pub use call::{flow_async, task_async};
pub use codec::{
    Codec, CodecProbe, KeptSuccess, KeptType, KeptValue, MakesCodec, NotKept, assert_is_kept,
};
pub use future::{EndedRun, TaskFuture};
pub use futures::{
    AsCompleted, AsCompletedBlocking, AsCompletedWithin, DoneNotDone, TaskFutures, as_completed,
    resolve_futures_to_states, resolve_futures_to_states_blocking, wait, wait_blocking,
};
pub use glue::{CarriesRunError, Fallible, Glue, Verdict, probe};
pub use input::{
    AllowFailure, Input, IntoInput, Opaque, Quote, Upstream, WaitFor, allow_failure, opaque, quote,
};
pub use map::{IntoMapInput, MapInput, Unmapped, unmapped};
pub use options::{FlowWithOptions, ReportedAsOne, WithOptions};
pub use remote::{
    CallError, MayLeave, MayNotLeave, Named, ReadArguments, RemoteError, RemoteFn, RemoteProbe,
    RemoteTask, Remotely, SerializedCall,
};
pub use returned::ReturnedStates;
pub use submit::{
    ArgumentList, EachInput, FlowCaller, IntoInputs, IntoMapInputs, MayCall, MayNotCall,
    MayNotSubmit, MaySubmit, OwnedCall, Prepared, SubmitProbe, Submitter,
};
#[cfg(unix)]
pub use task_runner::ProcessPoolTaskRunner;
#[cfg(unix)]
pub(crate) use task_runner::serve_if_asked;
pub use task_runner::{
    AbortHandle, ConcurrentTaskRunner, NotRemote, RemoteAttempts, RemoteFailure, RemoteFuture,
    RemoteRun, RemoteValue, SubmittedRun, TaskRunner, ThreadPoolTaskRunner,
};
pub use tracked::{Tracked, TrackedSuccess, TrackedWhole, track_success};
