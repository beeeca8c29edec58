//! `Console`: which events are written, how, and where to.

use std::cell::Cell;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::line::{Style, message};
use super::run::{RunName, is_run};
use crate::clock::Timestamp;
use crate::settings::{LoggingLevel, Settings, environment};

/// Which events are written, how, and where to.
///
/// # Example: into a file, beside a subscriber of your own
///
/// ```
/// use context_core::logging::Console;
/// use context_core::settings::Settings;
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// # let file = std::io::sink();
/// let console = Console::new(&Settings::default()).with_writer(file);
/// let subscriber = tracing_subscriber::registry().with(console.layer());
/// tracing::subscriber::with_default(subscriber, || tracing::info!("hello"));
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is written unless the layer is made part of a subscriber"]
pub struct Console {
    levels: Targets,
    style: Style,
    writer: Writer,
}

#[derive(Clone)]
enum Writer {
    Stderr,
    Own(Arc<Mutex<dyn Write + Send>>),
}

impl Console {
    /// Writes to the standard error stream what `settings` say, in colour if that is a terminal and nothing forbids it.
    ///
    /// `RUST_LOG` and `NO_COLOR` are read from the environment. A `RUST_LOG` that cannot be read counts as not set.
    pub fn new(settings: &Settings) -> Self {
        Self::of(settings, environment, io::stderr().is_terminal())
    }

    /// The same with other variables than those of the process, and a stream that is a terminal or not.
    pub(super) fn of(
        settings: &Settings,
        variable: impl Fn(&str) -> Option<String>,
        is_terminal: bool,
    ) -> Self {
        let is_forbidden = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            levels: levels(settings, variable("RUST_LOG").as_deref()),
            style: Style {
                colors: is_terminal && !is_forbidden && settings.logging_colors(),
                zone: TimeZone::system(),
            },
            writer: Writer::Stderr,
        }
    }

    /// The same in colour, or not.
    pub fn with_colors(mut self, colors: bool) -> Self {
        self.style.colors = colors;
        self
    }

    /// The same into `writer`, without colour. Each line is written at once.
    ///
    /// What `writer` itself logs while it writes is not written.
    pub fn with_writer(mut self, writer: impl Write + Send + 'static) -> Self {
        self.writer = Writer::Own(Arc::new(Mutex::new(writer)));
        self.with_colors(false)
    }

    #[cfg(test)]
    pub(super) fn with_zone(mut self, zone: TimeZone) -> Self {
        self.style.zone = zone;
        self
    }

    /// The layer that writes the lines. What it leaves out is not kept from other layers.
    pub fn layer<S>(self) -> impl Layer<S> + Send + Sync
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let filter = RunsAndLevels(self.levels);
        Lines { style: self.style, writer: self.writer }.with_filter(filter)
    }
}

fn levels(settings: &Settings, directives: Option<&str>) -> Targets {
    let mut level = match settings.logging_level() {
        LoggingLevel::Debug => LevelFilter::DEBUG,
        LoggingLevel::Info => LevelFilter::INFO,
        LoggingLevel::Warning => LevelFilter::WARN,
        LoggingLevel::Error | LoggingLevel::Critical => LevelFilter::ERROR,
    };
    if settings.debug_mode() {
        level = level.max(LevelFilter::DEBUG);
    }
    match directives.map(str::parse::<Targets>) {
        Some(Ok(levels)) if levels.default_level().is_some() => levels,
        Some(Ok(levels)) => levels.with_default(level),
        _ => Targets::new().with_default(level),
    }
}

/// Every span of a run, whatever its level, and no other; events by their levels.
pub(super) struct RunsAndLevels(Targets);

impl RunsAndLevels {
    /// As `settings` say, and `RUST_LOG`.
    #[cfg(feature = "server")]
    pub(super) fn of(settings: &Settings, variable: impl Fn(&str) -> Option<String>) -> Self {
        Self(levels(settings, variable("RUST_LOG").as_deref()))
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() {
            is_run(metadata)
        } else {
            self.0.would_enable(metadata.target(), metadata.level())
        }
    }
}

impl<S> Filter<S> for RunsAndLevels {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let of_events = Filter::<S>::max_level_hint(&self.0)?;
        // The level of the spans of runs.
        Some(of_events.max(LevelFilter::INFO))
    }
}

struct Lines {
    style: Style,
    writer: Writer,
}

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if !is_run(attributes.metadata()) {
            return;
        }
        // Before the span is locked: how a value is shown is foreign code.
        let run = RunName::of_span(attributes);
        if let Some(span) = ctx.span(id) {
            // Another layer of this kind may have put it there.
            span.extensions_mut().replace(run);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id).filter(|span| is_run(span.metadata())) else { return };
        let Some(kind) = span.extensions().get::<RunName>().map(|run| run.kind) else { return };
        if let Some(name) = RunName::of_record(kind, values) {
            span.extensions_mut().replace(RunName { kind, name });
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        thread_local! {
            /// Kept for its memory.
            static LINE: Cell<String> = const { Cell::new(String::new()) };
        }
        /// A line longer than this gives its memory back.
        const KEPT: usize = 16 * 1024;

        // Taken and not borrowed: a value that is shown may log.
        let mut line = LINE.try_with(Cell::take).unwrap_or_default();
        line.clear();
        RunName::of_event(event, &ctx, |run| {
            self.style.head(&mut line, Timestamp::now(), event, run);
        });
        message(&mut line, event);
        self.writer.write(line.as_bytes());
        if line.capacity() <= KEPT {
            // At the end of a thread there is no place for it.
            LINE.try_with(|kept| kept.set(line)).ok();
        }
    }
}

impl Writer {
    /// Writes a line. If nobody listens, there is nobody to tell.
    fn write(&self, line: &[u8]) {
        match self {
            Self::Stderr => {
                io::stderr().lock().write_all(line).ok();
            }
            Self::Own(writer) => {
                let Some(_writing) = Writing::begin() else { return };
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                if writer.write_all(line).is_ok() {
                    writer.flush().ok();
                }
            }
        }
    }
}

/// While this lives, a writer is at work on this thread: what it logs itself would wait for it.
struct Writing;

thread_local! {
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

impl Writing {
    fn begin() -> Option<Self> {
        (!WRITING.try_with(|writing| writing.replace(true)).unwrap_or(true)).then_some(Self)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        WRITING.try_with(|writing| writing.set(false)).ok();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stderr => "Stderr",
            Self::Own(_) => "Own(..)",
        })
    }
}
