//! Installing the console as the subscriber of a program.

use std::sync::OnceLock;

use thiserror::Error;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

use super::Console;
use crate::context::SettingsContext;

/// Somebody else has installed a subscriber for the whole program.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "logging is set up already, by another subscriber; \
     make `context::logging::layer()` part of that one instead"
)]
#[non_exhaustive]
pub struct LoggingIsSetUp;

/// Has what the program logs written to the standard error stream, as the settings say, and what runs log sent to the
/// server that is told of them.
///
/// For the start of a program. Called again it does nothing, and if the program has a subscriber already, that stays.
///
/// # Examples
///
/// ```
/// context_core::logging::init();
/// tracing::info!("hello");
/// ```
pub fn init() {
    try_init().ok();
}

/// As [`init`], and says if the program has another subscriber.
///
/// # Errors
///
/// If it has. Nothing was changed.
pub fn try_init() -> Result<(), LoggingIsSetUp> {
    static IS_OURS: OnceLock<bool> = OnceLock::new();
    // The settings first: reading them may log.
    let settings = SettingsContext::get();
    let is_ours = IS_OURS.get_or_init(|| {
        let console = Console::new(settings.settings());
        let subscriber = tracing_subscriber::registry().with(console.layer());
        #[cfg(feature = "server")]
        let subscriber = subscriber.with(super::api::layer_of(settings.settings()));
        tracing::subscriber::set_global_default(subscriber).is_ok()
    });
    if *is_ours { Ok(()) } else { Err(LoggingIsSetUp) }
}

/// The lines of [`init`] as a layer, for a subscriber of your own.
///
/// # Examples
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let subscriber = tracing_subscriber::registry().with(context_core::logging::layer());
/// tracing::subscriber::with_default(subscriber, || tracing::info!("hello"));
/// ```
pub fn layer<S>() -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    Console::new(SettingsContext::get().settings()).layer()
}
