//! The client against servers that are kind, unkind, and not who they say.

use http::header::LOCATION;
use http_body_util::Full;
use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::testing::{Act, Authority, Server, answer, raw};

const SHORT: Times =
    Times { connect: Duration::from_millis(150), total: Duration::from_millis(250) };

fn client(authority: &Authority, times: Times) -> Client {
    Client::new(&authority.trust(), times).unwrap()
}

fn post(url: &str) -> Request<Bytes> {
    Request::post(url).header("x-mark", "kept").body(Bytes::from_static(b"asked")).unwrap()
}

async fn send(url: &str) -> Result<Response<Bytes>, SendError> {
    within(Times::default(), url).await
}

async fn within(times: Times, url: &str) -> Result<Response<Bytes>, SendError> {
    client(&Authority::new("any"), times).send(post(url), 100).await
}

#[tokio::test]
async fn an_answer_comes_whole_and_the_request_as_it_was() {
    let server = Server::start(None, |_| answer(418, "short and stout")).await;
    for host in ["localhost", "LocalHost", "127.0.0.1"] {
        let answer = send(&format!("http://{host}:{}/pot?x=1", server.port)).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (418, &b"short and stout"[..]));
    }
    for (headers, body) in server.seen() {
        assert_eq!((&headers["x-mark"], &body[..]), (&"kept".parse().unwrap(), &b"asked"[..]));
    }
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_be_the_servers() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    for (name, host, trusts, want) in [
        ("right", "localhost", &ours, None),
        ("unknown authority", "localhost", &other, Some("UnknownIssuer")),
        ("wrong name", "elsewhere.example", &ours, Some("not valid for name \"localhost\"")),
    ] {
        let server = Server::start(Some(ours.server(host)), |_| answer(200, "")).await;
        let url = format!("https://localhost:{}/", server.port);
        let came = client(trusts, Times::default()).send(post(&url), 100).await;
        match want {
            None => assert_eq!(came.unwrap().status(), 200, "{name}"),
            Some(want) => {
                let error = came.unwrap_err();
                assert!(matches!(error, SendError::Connect(_)), "{name}");
                assert!(error.words().contains(want), "{name}: {}", error.words());
            }
        }
        assert_eq!(server.seen().len(), usize::from(want.is_none()), "{name}: nothing was sent");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let server = Server::start(None, |_| {
        let away = Response::builder().status(307).header(LOCATION, "/elsewhere");
        Act::Answer(away.body(Full::default()).unwrap())
    })
    .await;
    let answer = send(&format!("http://127.0.0.1:{}/", server.port)).await.unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn answers_are_bounded() {
    let server = Server::start(None, |nth| answer(200, vec![b'x'; 100 + nth])).await;
    let url = format!("http://127.0.0.1:{}/", server.port);
    assert_eq!(send(&url).await.unwrap().body().len(), 100);
    let error = send(&url).await.unwrap_err();
    assert!(matches!(error, SendError::TooLong { limit_bytes: 100 }), "{error:?}");
    assert_eq!(error.to_string(), "the answer is longer than 100 bytes");
}

#[tokio::test]
async fn an_endless_head_ends() {
    let port = raw(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"x-more: and more and more and more\r\n").await.is_ok() {}
    })
    .await;
    let authority = Authority::new("any");
    let url = format!("http://127.0.0.1:{port}/");
    let error = client(&authority, Times::default()).send(post(&url), 100).await.unwrap_err();
    assert!(matches!(error, SendError::Broke(_)), "{error:?}");
}

#[tokio::test]
async fn nobody_is_waited_for_too_long() {
    let server = Server::start(None, |_| Act::Hang).await;
    let error = within(SHORT, &format!("http://127.0.0.1:{}/", server.port)).await.unwrap_err();
    assert!(matches!(error, SendError::Slow { within_ms: 250 }), "{error:?}");

    // Takes the connection and says nothing: no TLS within the time to connect.
    let port = raw(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let error = within(SHORT, &format!("https://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(error, SendError::Connect(_)), "{error:?}");
    assert!(error.words().ends_with("not within 150 ms"), "{}", error.words());
}

#[tokio::test]
async fn half_an_answer_is_none() {
    let server = Server::start(None, |_| Act::Close).await;
    let error = send(&format!("http://127.0.0.1:{}/", server.port)).await.unwrap_err();
    assert!(matches!(error, SendError::Broke(_)), "{error:?}");

    for bytes in [&b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"[..], b"250 no http\r\n"] {
        let port = raw(move |mut stream| async move {
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            // Reads the request, so that closing does not reset the connection.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        })
        .await;
        let error = send(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();
        assert!(matches!(error, SendError::Broke(_)), "{error:?}");
    }
    let closed = raw(|_| async {}).await;
    assert!(send(&format!("http://127.0.0.1:{closed}/")).await.is_err());
}

#[tokio::test]
async fn only_sound_addresses_are_called() {
    for (url, want) in [
        ("https://example.com/hook?x=1", Ok(())),
        ("https://127.0.0.1:8443/", Ok(())),
        ("http://localhost:80/", Ok(())),
        ("http://127.9.9.9/", Ok(())),
        ("http://[::1]:80/", Ok(())),
        ("http://example.com/", Err(UrlError::PlainText)),
        ("http://localhost.example.com/", Err(UrlError::PlainText)),
        ("http://10.0.0.1/", Err(UrlError::PlainText)),
        ("http://127.1/", Err(UrlError::PlainText)),
        ("http://0.0.0.0/", Err(UrlError::PlainText)),
        ("http://[::ffff:10.0.0.1]/", Err(UrlError::PlainText)),
        ("https://user@example.com/", Err(UrlError::UserInfo)),
        ("http://localhost@example.com/", Err(UrlError::UserInfo)),
        ("https://a:b@example.com/", Err(UrlError::UserInfo)),
        ("ftp://example.com/", Err(UrlError::NotAbsolute)),
        ("file:///etc/passwd", Err(UrlError::NotAbsolute)),
        ("/hook", Err(UrlError::NotAbsolute)),
        ("example.com", Err(UrlError::NotAbsolute)),
        ("https://", Err(UrlError::NotAbsolute)),
        ("https:// example.com/", Err(UrlError::NotAbsolute)),
        ("", Err(UrlError::NotAbsolute)),
    ] {
        assert_eq!(parse_url(url).map(drop), want, "{url}");
    }
    let error = send("http://example.com/").await.unwrap_err();
    assert!(matches!(error, SendError::Address(UrlError::PlainText)), "{error:?}");
}

#[tokio::test]
async fn localhost_is_this_machine() {
    assert!(look_up("localhost").await.unwrap().iter().all(|it| it.ip().is_loopback()));
}
