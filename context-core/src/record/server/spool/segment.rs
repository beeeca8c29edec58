//! Segments: files of lines that one process appends to, and one delivers.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::Entry;
use super::line::{self, Kept, Line};
use crate::clock::Timestamp;
use crate::id::StateId;

const EXTENSION: &str = "jsonl";

pub(super) fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION)
}

/// A segment that is being written. It is locked.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    size: u64,
}

impl Writer {
    pub(super) fn create(directory: &Path) -> io::Result<Self> {
        create_directories(directory)?;
        // Names sort by time.
        let name = Uuid::from(StateId::generate(Timestamp::now()));
        let path = directory.join(format!("{name}.{EXTENSION}"));
        let mut options = OpenOptions::new();
        options.create_new(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        file.lock()?;
        Ok(Self { file, size: 0 })
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn append(&mut self, entries: &[Entry<'_>]) -> io::Result<()> {
        let mut text = Vec::new();
        for entry in entries {
            line::write(entry, &mut text)?;
        }
        // At once: a line is torn only if the system itself ends.
        self.file.write_all(&text)?;
        self.size += text.len() as u64;
        Ok(())
    }

    /// Has the system write all there is, and gives the lock back.
    pub(super) fn seal(self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn create_directories(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// A segment that is being delivered. It is locked.
#[derive(Debug)]
pub(in crate::record::server) struct Segment {
    path: PathBuf,
    reader: BufReader<File>,
    /// The lines that were read.
    lines: usize,
    /// So many lines were delivered before, as far as each may be delivered only once.
    delivered: usize,
    /// The last line was not written to its end.
    is_torn: bool,
}

impl Segment {
    /// Opens a segment, if nobody else has it.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match OpenOptions::new().read(true).append(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Somebody may have delivered it between the opening and the locking.
        if !path.try_exists()? {
            return Ok(None);
        }
        let mut segment = Self {
            path: path.to_owned(),
            reader: BufReader::new(file),
            lines: 0,
            delivered: 0,
            is_torn: false,
        };
        segment.check()?;
        Ok(Some(segment))
    }

    pub(in crate::record::server) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it once: whether this version understands all of it, and what was delivered.
    fn check(&mut self) -> io::Result<()> {
        let mut delivered = 0;
        while let Some(line) = self.next_line()? {
            match line {
                Line::Unknown(problem) => {
                    return Err(io::Error::new(io::ErrorKind::Unsupported, problem));
                }
                Line::Delivered(lines) => delivered = delivered.max(lines),
                Line::Kept(_) | Line::Torn => {}
            }
        }
        self.reader.seek(SeekFrom::Start(0))?;
        self.lines = 0;
        self.delivered = delivered;
        Ok(())
    }

    /// What comes next; `None` at the end.
    pub(in crate::record::server) fn next(&mut self) -> io::Result<Option<Kept>> {
        while let Some(line) = self.next_line()? {
            match line {
                Line::Kept(Kept::Logs(_)) if self.lines <= self.delivered => {}
                Line::Kept(kept) => return Ok(Some(kept)),
                Line::Torn => tracing::warn!(
                    target: super::super::LOG,
                    "line {} of {} is skipped: it was not written to its end",
                    self.lines,
                    self.path.display(),
                ),
                Line::Delivered(_) | Line::Unknown(_) => {}
            }
        }
        Ok(None)
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut text = Vec::new();
        if self.reader.read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        self.lines += 1;
        self.is_torn = text.last() != Some(&b'\n');
        Ok(Some(line::read(&text)))
    }

    /// Notes that all lines that were read are delivered, in case that the rest is not.
    pub(in crate::record::server) fn note_delivered(&mut self) -> io::Result<()> {
        let mut text = Vec::new();
        if self.is_torn {
            text.push(b'\n');
        }
        line::write_delivered(self.lines, &mut text)?;
        self.reader.get_mut().write_all(&text)
    }

    /// Removes it: the server has all of it.
    pub(in crate::record::server) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}
