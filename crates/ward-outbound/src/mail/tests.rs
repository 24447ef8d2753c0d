//! Letters to servers that refuse, stall, lie, or have someone in between.

use std::sync::Mutex;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::testing::{Authority, raw};

const TIMES: Times = Times { connect: Duration::from_secs(5), total: Duration::from_secs(5) };

/// What a server says to a line; an empty text: nothing, and it goes on.
type Say = fn(&str) -> &'static str;

/// A server that takes everything.
fn kind(line: &str) -> &'static str {
    match line.split([' ', ':']).next().unwrap_or_default() {
        "EHLO" => "250-mail.example\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n",
        "AUTH" => "235 welcome\r\n",
        "STARTTLS" => "220 go ahead\r\n",
        "DATA" => "354 go on\r\n",
        "QUIT" => "221 bye\r\n",
        _ => "250 ok\r\n",
    }
}

/// Speaks until the other side goes, or until STARTTLS; keeps every line.
async fn speak<S>(stream: &mut BufReader<S>, say: Say, heard: &Mutex<Vec<String>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut line, mut in_data) = (String::new(), false);
    while matches!(stream.read_line(&mut line).await, Ok(1..)) {
        let said = line.trim_end().to_owned();
        line.clear();
        heard.lock().unwrap().push(said.clone());
        in_data &= said != ".";
        if in_data {
            continue;
        }
        let reply = say(&said);
        in_data = reply.starts_with("354");
        if stream.write_all(reply.as_bytes()).await.is_err() || said == "STARTTLS" {
            return;
        }
    }
}

/// A mail server; its port and what it heard.
async fn server(tls: Option<TlsAcceptor>, say: Say) -> (u16, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heard);
    let port = raw(move |stream: TcpStream| {
        let (tls, kept) = (tls.clone(), Arc::clone(&kept));
        async move {
            let mut stream = BufReader::new(stream);
            let _ = stream.write_all(say("greeting").replace("250", "220").as_bytes()).await;
            speak(&mut stream, say, &kept).await;
            let Some(tls) = tls else { return };
            if let Ok(stream) = tls.accept(stream.into_inner()).await {
                kept.lock().unwrap().push("TLS".to_owned());
                speak(&mut BufReader::new(stream), say, &kept).await;
            }
        }
    })
    .await;
    (port, heard)
}

fn mailer(server: &str, trust: &Trust, login: bool) -> Mailer {
    let password = Secret::new("open sesame".to_owned());
    let login = login.then(|| Login { user: "ward".to_owned(), password });
    Mailer::new(Server::parse(server).unwrap(), login, trust, TIMES).unwrap()
}

async fn send(mailer: &Mailer, subject: &str, body: &str) -> Result<(), MailError> {
    let from = MailAddress::parse("ward@example.com").unwrap();
    let to = MailAddress::parse("ada@example.org").unwrap();
    let date = UnixMillis::new(1_795_000_000_000);
    let letter = Letter { from: &from, to: &to, subject, body, id: "approval-7", date };
    mailer.send(&letter).await
}

/// One letter to a plain server on this machine that speaks so.
async fn plainly(say: Say, login: bool) -> (Result<(), MailError>, Vec<String>) {
    let (port, heard) = server(None, say).await;
    let mailer =
        mailer(&format!("smtp+plain://127.0.0.1:{port}"), &Authority::new("any").trust(), login);
    let came = send(&mailer, "=?utf-8?q?x?= ä", "first\n.\nlast").await;
    let heard = heard.lock().unwrap().clone();
    (came, heard)
}

#[tokio::test]
async fn a_letter_is_taken() {
    let (came, heard) = plainly(kind, true).await;
    came.unwrap();
    let want = [
        "EHLO example.com",
        "AUTH PLAIN AHdhcmQAb3BlbiBzZXNhbWU=",
        "MAIL FROM:<ward@example.com>",
        "RCPT TO:<ada@example.org>",
        "DATA",
        "From: ward@example.com",
        "To: ada@example.org",
        "Subject: = ?utf-8?q?x?= =?utf-8?b?w6Q=?=",
        "Date: Wed, 18 Nov 2026 11:06:40 +0000",
        "MIME-Version: 1.0",
        "Message-ID: <approval-7@example.com>",
        "Auto-Submitted: auto-generated",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "first",
        "..",
        "last",
        ".",
        "QUIT",
    ];
    assert_eq!(heard, want);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let name = |error: &MailError| match error {
        MailError::Letter { .. } => "letter",
        MailError::Open(_) => "open",
        MailError::Login(_) => "login",
        MailError::Refused(_) => "refused",
        MailError::Busy(_) => "busy",
        MailError::Slow { .. } => "slow",
    };
    let cases: [(&str, Say, &str, bool); 7] = [
        ("greeting", |_| "554 no service\r\n", "busy", true),
        ("login", |it| if it.starts_with("AUTH") { "535 no\r\n" } else { kind(it) }, "login", true),
        (
            "must log in",
            |it| if it.starts_with("MAIL") { "530 5.7.0 log in\r\n" } else { kind(it) },
            "login",
            true,
        ),
        (
            "recipient",
            |it| if it.starts_with("RCPT") { "550 5.1.1 nobody\r\n" } else { kind(it) },
            "refused",
            false,
        ),
        (
            "greylist",
            |it| if it.starts_with("RCPT") { "451 later\r\n" } else { kind(it) },
            "busy",
            true,
        ),
        ("message", |it| if it == "." { "554 spam\r\n" } else { kind(it) }, "refused", false),
        ("nonsense", |it| if it == "." { "hello\r\n" } else { kind(it) }, "busy", true),
    ];
    for (what, say, want, may_pass) in cases {
        let error = plainly(say, true).await.0.unwrap_err();
        assert_eq!((name(&error), error.may_pass()), (want, may_pass), "{what}: {error:?}");
        assert!(!error.words().contains("sesame"), "{what}");
    }
    let error = plainly(cases[3].1, true).await.0.unwrap_err();
    let want = "the mail server refused the letter: permanent error (550): 5.1.1 nobody";
    assert_eq!(error.words(), want);
}

#[tokio::test]
async fn nothing_goes_out_where_tls_is_not_offered() {
    let authority = Authority::new("ours");
    let tls = authority.server("localhost");
    let stripped: Say =
        |line| if line.starts_with("EHLO") { "250 mail.example\r\n" } else { kind(line) };
    let (port, heard) = server(Some(tls), stripped).await;
    let mailer = mailer(&format!("smtp://localhost:{port}"), &authority.trust(), true);
    let error = send(&mailer, "subject", "body").await.unwrap_err();
    assert!(matches!(error, MailError::Open(OpenError::NoStartTls)), "{error:?}");
    assert_eq!(*heard.lock().unwrap(), ["EHLO example.com"]);
}

#[tokio::test]
async fn starttls_needs_the_right_certificate() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    for (name, host, trusts, want) in [
        ("right", "localhost", &ours, None),
        ("unknown authority", "localhost", &other, Some("UnknownIssuer")),
        ("wrong name", "elsewhere.example", &ours, Some("not valid for name")),
    ] {
        let (port, heard) = server(Some(ours.server(host)), kind).await;
        let mailer = mailer(&format!("smtp://localhost:{port}"), &trusts.trust(), true);
        let came = send(&mailer, "subject", "body").await;
        let heard = heard.lock().unwrap().clone();
        match want {
            None => {
                came.unwrap();
                assert_eq!(heard[..4], ["EHLO example.com", "STARTTLS", "TLS", "EHLO example.com"]);
                assert!(heard[4].starts_with("AUTH PLAIN "), "{heard:?}");
            }
            Some(want) => {
                let error = came.unwrap_err();
                assert!(matches!(error, MailError::Open(OpenError::Tls(_))), "{name}: {error:?}");
                assert!(error.words().contains(want), "{name}: {}", error.words());
                assert_eq!(heard, ["EHLO example.com", "STARTTLS"], "{name}");
            }
        }
    }
}

#[tokio::test]
async fn replies_put_in_before_tls_do_not_count() {
    let authority = Authority::new("ours");
    let cases: [Say; 2] = [
        |line| match line {
            "STARTTLS" => "220 go ahead\r\n250-mail.example\r\n250 AUTH PLAIN\r\n",
            _ => kind(line),
        },
        |line| if line == "STARTTLS" { "220 go ahead\r\n250" } else { kind(line) },
    ];
    for say in cases {
        let (port, heard) = server(Some(authority.server("localhost")), say).await;
        let mailer = mailer(&format!("smtp://localhost:{port}"), &authority.trust(), true);
        let error = send(&mailer, "subject", "body").await.unwrap_err();
        assert!(matches!(error, MailError::Open(OpenError::Tls(_))), "{error:?}");
        assert_eq!(*heard.lock().unwrap(), ["EHLO example.com", "STARTTLS"]);
    }
}

#[tokio::test]
async fn servers_that_never_end_are_left() {
    let endless = |start: &'static [u8], more: &'static [u8]| {
        raw(move |mut stream| async move {
            let _ = stream.write_all(start).await;
            while stream.write_all(more).await.is_ok() {}
        })
    };
    let trust = Authority::new("any").trust();
    let many =
        b"220-a mail server that has much to say about itself, and then says it all again\r\n";
    for (scheme, start, more) in [
        ("smtp", &b"220-"[..], &b"xxxxxxxxxxxxxxxx"[..]),
        ("smtp", b"", many),
        ("smtp+plain", b"220-", b"xxxxxxxxxxxxxxxx"),
        ("smtp+plain", b"", many),
    ] {
        let port = endless(start, more).await;
        let mailer = mailer(&format!("{scheme}://127.0.0.1:{port}"), &trust, false);
        let error = send(&mailer, "subject", "body").await.unwrap_err();
        assert!(matches!(error, MailError::Open(_) | MailError::Busy(_)), "{error:?}");
    }
    let port = raw(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let mut silent = mailer(&format!("smtp+plain://127.0.0.1:{port}"), &trust, false);
    silent.times.total = Duration::from_millis(100);
    let error = send(&silent, "subject", "body").await.unwrap_err();
    assert!(matches!(error, MailError::Slow { within_ms: 100 }), "{error:?}");
}

#[tokio::test]
async fn no_line_breaks_into_a_header() {
    let trust = Authority::new("any").trust();
    // Nobody listens there: the letter is refused before anything is opened.
    let mailer = mailer("smtp+plain://127.0.0.1:1", &trust, false);
    for (subject, body) in [
        ("a\r\nBcc: eve@example.net", "body"),
        ("a\nb", "body"),
        ("a\rb", "body"),
        ("a\u{0}b", "body"),
        ("a\u{85}b", "body"),
        ("subject", "a\rb"),
        ("subject", "a\u{0}b"),
    ] {
        let error = send(&mailer, subject, body).await.unwrap_err();
        assert!(matches!(error, MailError::Letter { .. }), "{subject:?} {body:?}: {error:?}");
    }
}

#[test]
fn servers_are_named_strictly() {
    let server = |host: &str, port, security| Ok(Server { host: host.to_owned(), port, security });
    for (text, want) in [
        ("smtps://mail.example.com", server("mail.example.com", 465, Security::Tls)),
        ("smtp://mail.example.com", server("mail.example.com", 587, Security::StartTls)),
        ("smtp://mail.example.com:25", server("mail.example.com", 25, Security::StartTls)),
        ("smtp://10.0.0.1", server("10.0.0.1", 587, Security::StartTls)),
        ("smtps://[::1]:4650", server("::1", 4650, Security::Tls)),
        ("smtp+plain://localhost", server("localhost", 25, Security::Plain)),
        ("smtp+plain://[::1]:2525", server("::1", 2525, Security::Plain)),
        ("smtp+plain://mail.example.com", Err(ServerError::PlainText)),
        ("smtp+plain://10.0.0.1", Err(ServerError::PlainText)),
        ("mail.example.com", Err(ServerError::Form)),
        ("https://mail.example.com", Err(ServerError::Form)),
        ("smtps://user:pass@mail.example.com", Err(ServerError::Form)),
        ("smtps://mail.example.com/x", Err(ServerError::Form)),
        ("smtps://mail.example.com:0", Err(ServerError::Form)),
        ("smtps://mail.example.com:70000", Err(ServerError::Form)),
        ("smtps://mail.example.com:", Err(ServerError::Form)),
        ("smtps://[::1", Err(ServerError::Form)),
        ("smtps://[::1]x", Err(ServerError::Form)),
        ("smtps://", Err(ServerError::Form)),
        ("smtps://a b", Err(ServerError::Form)),
        ("smtps://a\r\n", Err(ServerError::Form)),
    ] {
        assert_eq!(Server::parse(text), want, "{text}");
    }
}
