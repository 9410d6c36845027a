//! The little of Redis' protocol, in its second version, that publishing and listening take.

use std::{fmt::Write as _, ops::Range};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{OUTBOX_BYTES_MAX, line::Fault};

/// What a word of a reply may have: the largest payload with its header, with room to spare.
const WORD_MAX: usize = OUTBOX_BYTES_MAX + 1_024;
/// Words of a reply: what was heard on a channel has three.
const WORDS: usize = 3;

/// Begins a command of so many words.
pub(super) fn begin(out: &mut BytesMut, words: usize) {
    write!(out, "*{words}\r\n").expect("there is room in memory");
}

/// Adds a word, which is given in pieces.
pub(super) fn word(out: &mut BytesMut, pieces: &[&[u8]]) {
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    write!(out, "${len}\r\n").expect("there is room in memory");
    pieces.iter().for_each(|piece| out.put_slice(piece));
    out.put_slice(b"\r\n");
}

/// Adds a whole command.
pub(super) fn command(out: &mut BytesMut, words: &[&[u8]]) {
    begin(out, words.len());
    words.iter().for_each(|one| word(out, &[one]));
}

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It did it.
    Done,
    /// It did not, and why.
    Refused(String),
    /// What a subscription brings: `message`, a channel, what was published; and when one begins
    /// or ends: `subscribe`, a channel, how many are left.
    Heard([Bytes; WORDS]),
}

/// Takes the next reply, if all of it is there.
pub(super) fn read(incoming: &mut BytesMut) -> Result<Option<Reply>, Fault> {
    let Some((line, after)) = line(incoming, 0) else { return Ok(None) };
    let (kind, rest) = match &incoming[line] {
        [kind, rest @ ..] => (*kind, rest),
        [] => return Err(STRANGE),
    };
    let reply = match kind {
        b':' | b'+' => Reply::Done,
        b'-' => Reply::Refused(String::from_utf8_lossy(rest).into_owned()),
        b'*' if number(rest)? == Some(WORDS) => return heard(incoming, after),
        _ => return Err(STRANGE),
    };
    incoming.advance(after);
    Ok(Some(reply))
}

const STRANGE: Fault = Fault::Unknown("what the server says cannot be read: is it a Redis?");

/// Takes the words from there on, if all are there.
fn heard(incoming: &mut BytesMut, mut at: usize) -> Result<Option<Reply>, Fault> {
    let mut words: [Range<usize>; WORDS] = Default::default();
    for word in &mut words {
        let Some((head, after)) = line(incoming, at) else { return Ok(None) };
        (*word, at) = match incoming[head.clone()].split_first() {
            Some((b':', _)) => (head.start + 1..head.end, after),
            Some((b'$', len)) => match number(len)? {
                Some(len) if len > WORD_MAX => return Err(STRANGE),
                Some(len) => (after..after + len, after + len + 2),
                // There is none.
                None => (after..after, after),
            },
            _ => return Err(STRANGE),
        };
    }
    if incoming.len() < at {
        return Ok(None);
    }
    let whole = incoming.split_to(at).freeze();
    Ok(Some(Reply::Heard(words.map(|word| whole.slice(word)))))
}

/// The line that begins there, without its end, and where the next begins.
fn line(bytes: &[u8], start: usize) -> Option<(Range<usize>, usize)> {
    let len = bytes.get(start..)?.iter().position(|byte| *byte == b'\n')?;
    let end = start + len;
    Some((start..end.saturating_sub(1).max(start), end + 1))
}

/// A length; none is less than nothing.
fn number(digits: &[u8]) -> Result<Option<usize>, Fault> {
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<i64>().ok());
    number.map(|number| usize::try_from(number).ok()).ok_or(STRANGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: BytesMut) -> Vec<Reply> {
        let mut replies = Vec::new();
        while let Some(reply) = read(&mut bytes).unwrap() {
            replies.push(reply);
        }
        assert!(bytes.is_empty());
        replies
    }

    #[test]
    fn a_command_is_written_as_redis_reads_it() {
        let mut out = BytesMut::new();
        command(&mut out, &[b"PING", b"a\r\n"]);
        begin(&mut out, 1);
        word(&mut out, &[b"on", b"", b"e"]);
        assert_eq!(out, "*2\r\n$4\r\nPING\r\n$3\r\na\r\n\r\n*1\r\n$3\r\none\r\n");
    }

    #[test]
    fn replies_are_read_wherever_they_are_cut() {
        let bytes = "+OK\r\n:12\r\n-NOPERM no\r\n\
                     *3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\n\r\n\r\n\r\n\
                     *3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n";
        let heard = |words: [&'static str; 3]| Reply::Heard(words.map(Bytes::from));
        let wanted = [
            Reply::Done,
            Reply::Done,
            Reply::Refused("NOPERM no".to_owned()),
            heard(["message", "c", "\r\n\r\n"]),
            heard(["unsubscribe", "", "0"]),
        ];
        assert_eq!(all(bytes.into()), wanted);
        for cut in 0..bytes.len() {
            let (mut incoming, mut replies) = (BytesMut::from(&bytes[..cut]), Vec::new());
            while let Some(reply) = read(&mut incoming).unwrap() {
                replies.push(reply);
            }
            incoming.extend_from_slice(&bytes.as_bytes()[cut..]);
            replies.extend(all(incoming));
            assert_eq!(replies, wanted, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_redis_is_found_out() {
        for bytes in [
            "HTTP/1.1 400\r\n",
            "\r\n",
            "*2\r\n",
            "*x\r\n",
            "*3\r\n+a\r\n",
            "*3\r\n$99999999999\r\n",
            "*3\r\n$\r\n",
        ] {
            assert!(read(&mut BytesMut::from(bytes)).is_err(), "{bytes:?}");
        }
    }
}
