//! Runs other programs: never with standard input, always with the command named on failure.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// Runs to the end with its output on the screen.
pub fn must(mut command: Command) -> Result<()> {
    let shown = shown(&command);
    let status = command.stdin(Stdio::null()).status().with_context(|| shown.clone())?;
    ended(&shown, status)
}

/// Runs to the end and gives what it wrote to standard output.
pub fn answer(mut command: Command) -> Result<String> {
    let shown = shown(&command);
    let output = command.stdin(Stdio::null()).output().with_context(|| shown.clone())?;
    if !output.status.success() {
        bail!("`{shown}`: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` wrote no UTF-8"))
}

/// Whether it can be run and ends well; its output is thrown away.
pub fn works(mut command: Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs to the end with both outputs in a file. WHY: a file, unlike a pipe, is not held open by a
/// server that outlives the command.
pub fn logged(mut command: Command, log: File) -> Result<()> {
    let shown = shown(&command);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    ended(&shown, command.status().with_context(|| shown.clone())?)
}

/// Runs to the end, hands over each line of both outputs in the order written, and copies it to
/// the screen.
pub fn watched(mut command: Command, see: &mut impl FnMut(&str)) -> Result<()> {
    let shown = shown(&command);
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| shown.clone())?;
    drop(command); // WHY: it holds our ends of the pipe, and the reader waits for the last one
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        std::io::stdout().write_all(&line)?;
        see(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    ended(&shown, child.wait()?)
}

fn ended(shown: &str, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{shown}`: {status}");
    }
    Ok(())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
