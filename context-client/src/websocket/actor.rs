//! The task that owns a connection: it writes what it is told, and never stops reading.
//!
//! Everybody else has a [`Link`] to it. A link queues frames and learns when the connection has ended; if all links are
//! dropped, the connection is closed.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink as _, Stream as _};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use super::connect::{Socket, closed_by, of_close};
use crate::error::ApiError;

/// So many frames wait to be written. Then whoever sends waits.
const QUEUE: usize = 1024;
/// So many are written before the connection is flushed.
const BATCH: usize = 256;
/// How often the server is pinged.
const PING_EVERY: Duration = Duration::from_secs(20);
/// After which silence a connection is given up. A server that is flooded with events may take 20 s for a ping.
const SILENCE: Duration = Duration::from_mins(1);
/// How long the server has for its part of closing.
const CLOSING: Duration = Duration::from_secs(5);

/// What a connection is told.
enum Command {
    Text(Utf8Bytes),
    /// Answered when all before it has been written.
    Flush(oneshot::Sender<()>),
    /// Answered when the server has read all before it.
    Ping(oneshot::Sender<()>),
    /// Answered when the connection is closed.
    Close(oneshot::Sender<()>),
}

/// The way to a connection.
#[derive(Clone, Debug)]
pub(super) struct Link {
    commands: mpsc::Sender<Command>,
    ended: watch::Receiver<Option<ApiError>>,
    path: &'static str,
}

/// What the frames that arrive are put into.
pub(super) type Inbox = mpsc::Sender<Utf8Bytes>;

/// Hands a connection over to a task of its own.
pub(super) fn spawn(socket: Socket, path: &'static str, inbox: Option<Inbox>) -> Link {
    let (commands, receiver) = mpsc::channel(QUEUE);
    let (end, ended) = watch::channel(None);
    let mut ticks = tokio::time::interval(PING_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    let connection = Connection {
        socket,
        path,
        arrived: VecDeque::new(),
        keeps: inbox.is_some(),
        pings: 0,
        pongs: VecDeque::new(),
        heard: Instant::now(),
        ticks,
    };
    #[expect(clippy::disallowed_methods, reason = "this crate knows of no ambient context")]
    tokio::spawn(async move {
        let err = run(connection, receiver, inbox).await;
        end.send_replace(Some(err));
    });
    Link { commands, ended, path }
}

impl Link {
    /// Queues a frame. Waits while too many are queued.
    pub(super) async fn send(&self, text: String) -> Result<(), ApiError> {
        self.tell(Command::Text(text.into())).await
    }

    /// Waits until all that was queued before has been written.
    pub(super) async fn flush(&self) -> Result<(), ApiError> {
        self.ask(Command::Flush).await
    }

    /// Waits until the server has read all that was queued before.
    pub(super) async fn checkpoint(&self) -> Result<(), ApiError> {
        self.ask(Command::Ping).await
    }

    /// Waits until all that was queued before has been written, and the connection is closed.
    pub(super) async fn close(&self) -> Result<(), ApiError> {
        self.ask(Command::Close).await
    }

    /// Queues a frame if there is room for it.
    pub(super) fn try_send(&self, text: &'static str) {
        // Otherwise the connection has ended, or writes no more, which amounts to the same.
        drop(self.commands.try_send(Command::Text(Utf8Bytes::from_static(text))));
    }

    /// Waits until the connection has ended.
    pub(super) async fn closed(&self) -> ApiError {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(err) => err.clone().unwrap_or_else(|| self.gone()),
            Err(_) => self.gone(),
        }
    }

    /// Whether the connection has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.commands.is_closed()
    }

    /// The task was dropped with its runtime.
    fn gone(&self) -> ApiError {
        ApiError::WebsocketClosed {
            path: self.path.to_owned(),
            code: None,
            detail: "the runtime that opened it has ended".to_owned(),
        }
    }

    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<()>) -> Command,
    ) -> Result<(), ApiError> {
        let (done, answer) = oneshot::channel();
        self.tell(command(done)).await?;
        match answer.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.closed().await),
        }
    }

    async fn tell(&self, command: Command) -> Result<(), ApiError> {
        match self.commands.send(command).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.closed().await),
        }
    }
}

/// What happens next to a connection.
enum Step {
    /// There is something to write. Nothing: nobody is left to tell anything.
    Told(usize),
    /// Something has arrived, or the end.
    Read(Option<ApiError>),
    Tick,
}

/// Serves a connection until it ends. Returns why.
async fn run(
    mut connection: Connection,
    mut commands: mpsc::Receiver<Command>,
    inbox: Option<Inbox>,
) -> ApiError {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let step = std::future::poll_fn(|cx| {
            // Commands first: while they are carried out, what arrives is read too, but not the other way round.
            if let Poll::Ready(count) = commands.poll_recv_many(cx, &mut batch, BATCH) {
                return Poll::Ready(Step::Told(count));
            }
            if let Poll::Ready(end) = connection.poll_read(cx) {
                return Poll::Ready(Step::Read(end));
            }
            connection.ticks.poll_tick(cx).map(|_| Step::Tick)
        });
        match step.await {
            Step::Told(0) => return connection.close().await,
            Step::Told(_) => match connection.carry_out(&mut batch).await {
                Ok(None) => {}
                Ok(Some(done)) => {
                    let end = connection.close().await;
                    let _ = done.send(());
                    return end;
                }
                Err(end) => {
                    connection.hand_out(inbox.as_ref()).await;
                    return end;
                }
            },
            Step::Read(None) => {}
            Step::Read(Some(end)) => {
                connection.hand_out(inbox.as_ref()).await;
                connection.take_leave().await;
                return end;
            }
            Step::Tick => {
                if let Err(end) = connection.look_after().await {
                    return end;
                }
            }
        }
        if !connection.hand_out(inbox.as_ref()).await {
            return connection.close().await;
        }
    }
}

struct Connection {
    socket: Socket,
    path: &'static str,
    /// Frames that have arrived and are not handed out yet.
    arrived: VecDeque<Utf8Bytes>,
    /// Whether anybody wants them.
    keeps: bool,
    pings: u64,
    /// Who waits for which pong, in their order.
    pongs: VecDeque<(u64, Option<oneshot::Sender<()>>)>,
    heard: Instant,
    ticks: Interval,
}

impl Connection {
    /// Writes all there is to write. `Some` if the connection is to be closed.
    async fn carry_out(
        &mut self,
        batch: &mut Vec<Command>,
    ) -> Result<Option<oneshot::Sender<()>>, ApiError> {
        let mut flushed = Vec::new();
        let mut last = None;
        for command in batch.drain(..) {
            match command {
                Command::Text(text) => self.write(Message::Text(text)).await?,
                Command::Flush(done) => flushed.push(done),
                Command::Ping(done) => self.write_ping(Some(done)).await?,
                Command::Close(done) => {
                    last = Some(done);
                    break;
                }
            }
        }
        self.flush().await?;
        for done in flushed {
            let _ = done.send(());
        }
        Ok(last)
    }

    /// Sees to it that something is heard, or gives up.
    async fn look_after(&mut self) -> Result<(), ApiError> {
        self.check_silence()?;
        self.write_ping(None).await?;
        self.flush().await
    }

    fn check_silence(&self) -> Result<(), ApiError> {
        if self.heard.elapsed() <= SILENCE {
            return Ok(());
        }
        let seconds = SILENCE.as_secs();
        Err(self.ended(format!("nothing was heard from the server for {seconds} s")))
    }

    async fn write_ping(&mut self, done: Option<oneshot::Sender<()>>) -> Result<(), ApiError> {
        self.pings += 1;
        self.pongs.push_back((self.pings, done));
        let payload = Bytes::copy_from_slice(&self.pings.to_be_bytes());
        self.write(Message::Ping(payload)).await
    }

    /// Waits until something has arrived. `Some` if it is the end.
    async fn read(&mut self) -> Option<ApiError> {
        std::future::poll_fn(|cx| self.poll_read(cx)).await
    }

    async fn write(&mut self, message: Message) -> Result<(), ApiError> {
        std::future::poll_fn(|cx| {
            let ready = Pin::new(&mut self.socket).poll_ready(cx);
            // Mostly there is room, and nothing else to look at.
            if ready.is_pending() {
                self.poll_read_meanwhile(cx)?;
            }
            ready.map_err(|err| closed_by(self.path, &err))
        })
        .await?;
        Pin::new(&mut self.socket).start_send(message).map_err(|err| closed_by(self.path, &err))
    }

    async fn flush(&mut self) -> Result<(), ApiError> {
        std::future::poll_fn(|cx| {
            self.poll_read_meanwhile(cx)?;
            let flushed = ready!(Pin::new(&mut self.socket).poll_flush(cx));
            Poll::Ready(flushed.map_err(|err| closed_by(self.path, &err)))
        })
        .await
    }

    /// Reads while something is being written: the server may have stopped to read until its pings are answered.
    fn poll_read_meanwhile(&mut self, cx: &mut Context<'_>) -> Result<(), ApiError> {
        if self.ticks.poll_tick(cx).is_ready() {
            self.check_silence()?;
        }
        while self.arrived.len() < BATCH {
            match self.poll_read(cx) {
                Poll::Ready(Some(err)) => return Err(err),
                Poll::Ready(None) => {}
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<ApiError>> {
        let frame = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(err)) => return Poll::Ready(Some(closed_by(self.path, &err))),
            None => return Poll::Ready(Some(self.ended("the connection ended".to_owned()))),
        };
        self.heard = Instant::now();
        Poll::Ready(match frame {
            Message::Text(text) if self.keeps => {
                self.arrived.push_back(text);
                None
            }
            Message::Pong(payload) => {
                if let Ok(number) = <[u8; 8]>::try_from(payload.as_ref()) {
                    self.answer_up_to(u64::from_be_bytes(number));
                }
                None
            }
            Message::Close(frame) => {
                let (code, detail) = of_close(frame.as_ref());
                let path = self.path.to_owned();
                Some(ApiError::WebsocketClosed { path, code, detail })
            }
            _ => None,
        })
    }

    fn answer_up_to(&mut self, number: u64) {
        while let Some((waiting, done)) = self.pongs.pop_front() {
            if waiting > number {
                self.pongs.push_front((waiting, done));
                break;
            }
            if let Some(done) = done {
                let _ = done.send(());
            }
        }
    }

    /// Passes on what has arrived. Whether anybody still wants it.
    async fn hand_out(&mut self, inbox: Option<&Inbox>) -> bool {
        let Some(inbox) = inbox else { return true };
        while let Some(text) = self.arrived.pop_front() {
            if inbox.send(text).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Says goodbye and waits for the answer, but not for long.
    async fn close(&mut self) -> ApiError {
        let frame = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::from_static("") };
        let goodbye = async {
            self.write(Message::Close(Some(frame))).await?;
            self.flush().await?;
            while self.read().await.is_none() {}
            Ok::<(), ApiError>(())
        };
        // Whatever comes of it: it was this side that wanted it.
        drop(tokio::time::timeout(CLOSING, goodbye).await);
        ApiError::WebsocketClosed {
            path: self.path.to_owned(),
            code: Some(1000),
            detail: "it was closed by this program".to_owned(),
        }
    }

    /// Lets the answer to the server's goodbye go out.
    async fn take_leave(&mut self) {
        let flushed = std::future::poll_fn(|cx| Pin::new(&mut self.socket).poll_flush(cx));
        drop(tokio::time::timeout(CLOSING, flushed).await);
    }

    fn ended(&self, detail: String) -> ApiError {
        ApiError::WebsocketClosed { path: self.path.to_owned(), code: None, detail }
    }
}
