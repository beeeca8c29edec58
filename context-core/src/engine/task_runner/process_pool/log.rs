//! The log of a child: taken there, and told here as if it had been written here.
//!
//! A child has no subscriber of its own; every record goes to its parent. There it has the level and the target that it had,
//! so filters count, and the context of its run, so it has that run's ids. Fields become a part of the message.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::callsite::{self, Callsite, Identifier};
use tracing_core::field::FieldSet;
use tracing_core::{Interest, Kind, dispatcher};

use crate::context::{SerializedContext, hydrated_context};

/// A record of a child's log.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LogRecord {
    level: u8,
    target: String,
    message: String,
    /// True if it is not to be sent to an API.
    #[serde(default)]
    stays: bool,
    /// What surrounds the record, where that is another run than the one whose attempt is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<Box<RawValue>>,
}

/// The field that says that a record is not to be sent to an API.
const STAYS: &str = "send_to_api";

const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

/// The subscriber of a child.
pub(super) struct Forwarder<T> {
    pub(super) level: LevelFilter,
    pub(super) tell: T,
}

impl<T: Fn(LogRecord) + Send + Sync + 'static> Subscriber for Forwarder<T> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        // Spans are not told.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut text = Text::default();
        event.record(&mut text);
        let level = LEVELS.iter().position(|level| level == metadata.level()).unwrap_or_default();
        (self.tell)(LogRecord {
            level: u8::try_from(level).unwrap_or_default(),
            target: metadata.target().to_owned(),
            message: text.message + &text.fields,
            stays: text.stays,
            context: None,
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message of an event, and its other fields as text.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
    stays: bool,
}

impl Visit for Text {
    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == STAYS && !value {
            self.stays = true;
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        }
        .ok();
    }
}

/// Tells a record to the subscriber of this process, in the context that is in force, or in its own.
pub(super) fn tell(record: &LogRecord) {
    let own = record.context.as_ref().and_then(|context| {
        let snapshot = SerializedContext::from_json(context.get()).ok()?;
        hydrated_context(&snapshot).ok()
    });
    match own {
        Some(context) => context.in_scope(|| dispatch(record)),
        None => dispatch(record),
    }
}

fn dispatch(record: &LogRecord) {
    let level = LEVELS.get(usize::from(record.level)).copied().unwrap_or(Level::INFO);
    let metadata = Site::of(level, &record.target).metadata();
    let fields = metadata.fields();
    let (Some(field), Some(stays)) = (fields.field("message"), fields.field(STAYS)) else {
        return;
    };
    dispatcher::get_default(|dispatch| {
        if dispatch.enabled(metadata) {
            let message = format_args!("{}", record.message);
            let is_sent = record.stays.then_some(&false as &dyn tracing::Value);
            let values = [(&field, Some(&message as &dyn tracing::Value)), (&stays, is_sent)];
            dispatch.event(&Event::new(metadata, &fields.value_set(&values)));
        }
    });
}

/// Where records of one level and one target are told; subscribers keep what they think of it.
struct Site {
    metadata: OnceLock<Metadata<'static>>,
}

impl Site {
    /// The programs of both processes have the same places, so there are not many of these.
    fn of(level: Level, target: &str) -> &'static Self {
        type Sites = Mutex<HashMap<(Level, &'static str), &'static Site>>;
        static SITES: LazyLock<Sites> = LazyLock::new(Mutex::default);
        let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, site)) = sites.iter().find(|((at, of), _)| *at == level && *of == target) {
            return site;
        }
        let target: &'static str = Box::leak(target.to_owned().into_boxed_str());
        let site: &'static Self = Box::leak(Box::new(Self { metadata: OnceLock::new() }));
        let fields = FieldSet::new(&["message", STAYS], Identifier(site));
        let name = "event of a child process";
        site.metadata.get_or_init(|| {
            Metadata::new(name, target, level, None, None, None, fields, Kind::EVENT)
        });
        sites.insert((level, target), site);
        drop(sites);
        callsite::register(site);
        site
    }
}

impl Callsite for Site {
    fn set_interest(&self, _: Interest) {
        // Asked for every record.
    }

    fn metadata(&self) -> &Metadata<'_> {
        self.metadata.get().expect("a site has its metadata before anybody knows it")
    }
}

/// The level that a child has to tell, as text, and back.
pub(super) fn level_from(text: &str) -> LevelFilter {
    text.parse().unwrap_or(LevelFilter::INFO)
}

/// A record with what surrounds the code that writes it.
pub(super) fn in_current_context(record: LogRecord) -> LogRecord {
    let context = SerializedContext::of_current(crate::secret::Secrets::Included).to_json();
    LogRecord { context: RawValue::from_string(context).ok(), ..record }
}
