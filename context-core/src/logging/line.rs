//! An event as a line of text.

use std::error::Error;
use std::fmt::{self, Write};

use jiff::tz::TimeZone;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::run::Kind;
use crate::clock::Timestamp;

/// How lines look.
#[derive(Clone, Debug)]
pub(super) struct Style {
    pub(super) colors: bool,
    pub(super) zone: TimeZone,
}

/// Escape sequences of colours.
mod color {
    pub(super) const OFF: &str = "\x1b[0m";
    pub(super) const GREY: &str = "\x1b[90m";
    pub(super) const CYAN: &str = "\x1b[36m";
    pub(super) const YELLOW: &str = "\x1b[33m";
    pub(super) const RED: &str = "\x1b[31m";
    pub(super) const MAGENTA: &str = "\x1b[35m";
    pub(super) const BLUE: &str = "\x1b[34m";
}

impl Style {
    /// The start of a line: time, level, and what the event belongs to. A run's name is quoted.
    pub(super) fn head(
        &self,
        line: &mut String,
        at: Timestamp,
        event: &Event<'_>,
        run: Option<(Kind, &str)>,
    ) {
        let local = at.as_nanos().saturating_add(
            i64::from(self.zone.to_offset(at.to_jiff()).seconds()).saturating_mul(1_000_000_000),
        );
        let millis = local.div_euclid(1_000_000).rem_euclid(24 * 3600 * 1000);
        let (seconds, millis) = (millis / 1000, millis % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        put(line, format_args!("{hour:02}:{minute:02}:{second:02}.{millis:03} | "));
        let (level, color) = match *event.metadata().level() {
            Level::TRACE => ("TRACE", color::GREY),
            Level::DEBUG => ("DEBUG", color::GREY),
            Level::INFO => ("INFO", color::CYAN),
            Level::WARN => ("WARNING", color::YELLOW),
            Level::ERROR => ("ERROR", color::RED),
        };
        self.colored(line, color, |line| line.push_str(level));
        put(line, format_args!("{:width$} | ", "", width = 7 - level.len()));
        match run {
            Some((kind, name)) => {
                let (title, color) = match kind {
                    Kind::Flow => ("Flow run ", color::MAGENTA),
                    Kind::Task => ("Task run ", color::BLUE),
                };
                line.push_str(title);
                self.colored(line, color, |line| {
                    line.push('\'');
                    put(&mut Clean { line, breaks: false }, format_args!("{name}"));
                    line.push('\'');
                });
            }
            None => line.push_str(event.metadata().target()),
        }
        line.push_str(" - ");
    }

    fn colored(&self, line: &mut String, color: &str, write: impl FnOnce(&mut String)) {
        if self.colors {
            line.push_str(color);
        }
        write(line);
        if self.colors {
            line.push_str(color::OFF);
        }
    }
}

/// The rest of a line: the message, and every other field as `name=value`.
pub(super) fn message(line: &mut String, event: &Event<'_>) {
    let mut message = Message { text: Clean { line, breaks: true }, is_empty: true };
    event.record(&mut message);
    line.push('\n');
}

/// Text in a string: what fails is the value's own `Debug`, and then the text ends where it failed.
fn put(text: &mut impl Write, arguments: fmt::Arguments<'_>) {
    text.write_fmt(arguments).ok();
}

/// Text without control characters, which a terminal would obey, whoever wrote them.
struct Clean<'a> {
    line: &'a mut String,
    /// True if lines may be broken.
    breaks: bool,
}

impl Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let obeyed = |c: char| c.is_control() && !(self.breaks && matches!(c, '\n' | '\t'));
        if !text.contains(obeyed) {
            self.line.push_str(text);
            return Ok(());
        }
        for c in text.chars() {
            if obeyed(c) {
                self.line.extend(c.escape_default());
            } else {
                self.line.push(c);
            }
        }
        Ok(())
    }
}

struct Message<'a> {
    text: Clean<'a>,
    is_empty: bool,
}

impl Message<'_> {
    fn field(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let space = if self.is_empty { "" } else { " " };
        self.is_empty = false;
        match field.name() {
            "message" => put(&mut self.text, format_args!("{space}{value}")),
            name => {
                let name = name.strip_prefix("r#").unwrap_or(name);
                put(&mut self.text, format_args!("{space}{name}={value}"));
            }
        }
    }
}

impl Visit for Message<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.field(field, format_args!("{value}")),
            _ => self.field(field, format_args!("{value:?}")),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.field(field, format_args!("{value}"));
        let mut source = value.source();
        while let Some(error) = source {
            put(&mut self.text, format_args!(": {error}"));
            source = error.source();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field, format_args!("{value:?}"));
    }
}
