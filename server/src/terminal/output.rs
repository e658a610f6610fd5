//! Standard output and standard error of a command.

use std::error::Error;
use std::future::Future;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use super::layout::Paint;
use super::{escape, layout};

/// The widest lines when the width of the terminal is not known.
const USUAL_COLUMNS: usize = 100;

/// Standard output, for results. Everything else goes to standard error.
pub struct Output {
    out: BufWriter<Stdout>,
    is_terminal: bool,
    paint: Paint,
}

impl Output {
    /// The standard output of this process.
    pub fn stdout() -> Self {
        let stdout: Stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        Self { out: BufWriter::new(stdout), is_terminal, paint: Paint::of_stdout() }
    }

    /// Whether a person reads it.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether styles are shown.
    pub fn paint(&self) -> Paint {
        self.paint
    }

    /// The width that lines should fit. None in a pipe or a file.
    pub fn columns(&self) -> Option<usize> {
        let size = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        self.is_terminal.then(|| size().filter(|it| *it > 0).unwrap_or(USUAL_COLUMNS))
    }

    /// The lines of the terminal.
    pub fn rows(&self) -> Option<usize> {
        let size = terminal_size::terminal_size().filter(|_| self.is_terminal);
        size.map(|(_, height)| usize::from(height.0)).filter(|rows| *rows > 0)
    }

    /// Says something to the person on standard error. Text of clients in it is escaped.
    pub fn note(text: &str) {
        let text: Vec<_> = text.lines().map(escape::text).collect();
        let _ = writeln!(io::stderr(), "{}", text.join("\n"));
    }

    /// A line of text that was escaped before, clipped to the terminal.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        let line = match self.columns() {
            Some(columns) => layout::clip(line, columns),
            None => line.into(),
        };
        writeln!(self, "{line}")
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Whether an error says that nobody reads standard output any more, as after `| head -1`. Then the
/// command has done all that was wanted.
pub fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|error| {
        let io = error.downcast_ref::<io::Error>();
        io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Ends when nobody reads standard output any more, also while nothing is written.
#[cfg(unix)]
pub fn pipe_closed() -> impl Future<Output = ()> + Send {
    use rustix::event::{PollFd, PollFlags, poll};

    let (closed, wait) = tokio::sync::oneshot::channel::<()>();
    // It may wait as long as the process runs.
    let watching =
        std::thread::Builder::new().name("watcher of the pipe".into()).spawn(move || {
            let stdout = io::stdout();
            let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
            loop {
                match poll(&mut watched, None) {
                    Err(rustix::io::Errno::INTR) => {}
                    Err(_) => {
                        std::mem::forget(closed);
                        return;
                    }
                    // Some systems cannot watch every kind of file.
                    Ok(_) if watched[0].revents().contains(PollFlags::NVAL) => {
                        std::mem::forget(closed);
                        return;
                    }
                    Ok(_) => break,
                }
            }
            let _ = closed.send(());
        });
    async move {
        match watching {
            Ok(_) if wait.await.is_ok() => {}
            _ => std::future::pending().await,
        }
    }
}

/// Ends when nobody reads standard output any more. On Windows only a write notices, so this never
/// ends.
#[cfg(windows)]
pub fn pipe_closed() -> impl Future<Output = ()> + Send {
    std::future::pending()
}
