//! Every trait that asks about a type by method resolution: one glob import instead of one import for each.

pub use crate::engine::probe::{
    DebuggedError as _, DisplayedError as _, KeptAsDebug as _, KeptAsName as _, KeptAsText as _,
    KeptWhole as _, NamedError as _, PlainValue as _, RaiseAsError as _, RaiseAsPanic as _,
    RaiseAsState as _, States as _, StatesOrDebugged as _, StatesOrDisplayed as _,
};
pub use crate::engine::{
    CopiedArguments as _, KeptSuccess as _, KeptValue as _, LeavingArguments as _,
    LeavingFuture as _, LocalArguments as _, LocalFuture as _, MayCall as _, MayLeave as _,
    MayNotCall as _, MayNotLeave as _, MayNotSubmit as _, MaySubmit as _, MovedArguments as _,
    NotKept as _, SendArguments as _, SendFuture as _, StayingArguments as _, StayingFuture as _,
};
pub use crate::parameters::probe::{AddOpaque as _, AddSerialized as _};
