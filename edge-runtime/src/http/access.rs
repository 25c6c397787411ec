//! Who may ask: the name under which the server is addressed, and a token.

use std::hint::black_box;
use std::net::IpAddr;

use hyper::header::AUTHORIZATION;
use hyper::http::HeaderMap;
use sha2::{Digest, Sha256};

use crate::RuntimeError;

/// The fewest and the most characters of a token.
const TOKEN_LENGTH: std::ops::RangeInclusive<usize> = 16..=512;

/// A secret that requests carry as `Authorization: Bearer TOKEN` (RFC 6750). Only its hash is kept.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// Takes a token of 16 to 512 letters, digits and `-._~+/=`.
    ///
    /// # Errors
    /// Text that is none; it is not repeated in the message.
    pub fn new(text: &str) -> Result<Self, RuntimeError> {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if !TOKEN_LENGTH.contains(&text.len()) || !text.bytes().all(is_known) {
            return Err(RuntimeError::Text {
                what: "token",
                expected: "16 to 512 letters, digits and -._~+/=, as `openssl rand -hex 16` prints".to_owned(),
                found: format!("{} bytes", text.len()),
            });
        }
        Ok(Self(Sha256::digest(text).into()))
    }

    /// Whether a request carries it. How long that takes tells nothing of where two tokens differ: their hashes are
    /// compared, all bytes of them.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given =
            given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = given else { return false };
        let found: [u8; 32] = Sha256::digest(token.trim()).into();
        black_box(self.0.iter().zip(found).fold(0, |differences, (a, b)| differences | (a ^ b))) == 0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token")
    }
}

/// Who may use a server.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// What requests for pictures must carry; `None` lets everyone ask.
    pub token: Option<Token>,
    /// Names by which the server may be addressed, in lower case; loopback ones always may. On other addresses than those
    /// every name is one where none is given here, and every IP address in any case.
    pub hosts: Vec<String>,
}

impl Access {
    /// A name for [`Access::hosts`]: as in a URL, without scheme and port.
    ///
    /// # Errors
    /// Text that no request could be addressed with.
    pub fn host(text: &str) -> Result<String, RuntimeError> {
        let is_address = text.starts_with('[') && text.ends_with(']');
        let is_known =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte) || is_address && b"[:]".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_known) {
            return Err(RuntimeError::Text {
                what: "host",
                expected: "a name without scheme and port, as in pictures.example".to_owned(),
                found: text.to_owned(),
            });
        }
        Ok(text.to_ascii_lowercase())
    }

    pub(super) fn allows(&self, headers: &HeaderMap) -> bool {
        self.token.as_ref().is_none_or(|token| token.is_in(headers))
    }

    /// Whether a host, with or without a port, names this machine. A page of another site that has its own name
    /// resolved to this machine (DNS rebinding) sends that name.
    pub(super) fn knows(&self, host: &str, is_loopback: bool) -> bool {
        if !is_loopback && self.hosts.is_empty() {
            return true;
        }
        let name = without_port(host).to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_own = |address: IpAddr| address.is_loopback() || !is_loopback;
        name == "localhost" || address.is_ok_and(is_own) || self.hosts.contains(&name)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    const SECRET: &str = "0123456789abcdef";

    #[test]
    fn only_the_very_token_is_taken() {
        let access = Access { token: Some(Token::new(SECRET).expect("long enough")), hosts: Vec::new() };
        let asked = |value: &str| {
            let value = HeaderValue::from_str(value).expect("a header");
            access.allows(&HeaderMap::from_iter([(AUTHORIZATION, value)]))
        };
        for value in ["Bearer 0123456789abcdef", "bearer  0123456789abcdef"] {
            assert!(asked(value), "{value}");
        }
        for value in ["Bearer 0123456789abcdeF", "Bearer", "Bearer ", "Basic 0123456789abcdef", SECRET] {
            assert!(!asked(value), "{value}");
        }
        assert!(!access.allows(&HeaderMap::new()));
        assert!(Access::default().allows(&HeaderMap::new()));
    }

    #[test]
    fn a_weak_token_is_refused_without_being_shown() {
        for text in ["", "short", "with space in it all", &"x".repeat(513), "0123456789abcdeä"] {
            let message = Token::new(text).expect_err("refused").to_string();
            assert!(text.is_empty() || !message.contains(text), "{message}");
        }
        assert_eq!(format!("{:?}", Token::new(SECRET).expect("valid")), "Token");
    }

    #[test]
    fn a_host_is_a_name_and_nothing_else() {
        for (text, expected) in
            [("Pictures.example", "pictures.example"), ("10.0.0.7", "10.0.0.7"), ("[FE80::1]", "[fe80::1]")]
        {
            let hosts = vec![Access::host(text).expect(text)];
            assert_eq!(hosts, [expected]);
            assert!(Access { token: None, hosts }.knows(&format!("{text}:8080"), true), "{text}");
        }
        for text in ["", "pictures.example:80", "http://pictures.example", "a b", "fe80::1", "ä.example"] {
            let message = Access::host(text).expect_err(text).to_string();
            assert!(message.contains("expected a name without scheme and port"), "{message}");
        }
    }

    #[test]
    fn only_names_of_this_machine_are_known() {
        let access = Access { token: None, hosts: vec!["pictures.example".to_owned()] };
        for host in
            ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.8.8.8", "[::1]:8080", "[::1]", "Pictures.Example:443"]
        {
            assert!(access.knows(host, true) && access.knows(host, false), "{host}");
        }
        for host in ["", ":80", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80"] {
            assert!(!access.knows(host, true) && !access.knows(host, false), "{host}");
            assert!(Access::default().knows(host, false), "{host}");
        }
        // No name is resolved to these.
        for host in ["192.168.0.1", "[::2]:1"] {
            assert!(!access.knows(host, true) && access.knows(host, false), "{host}");
        }
    }
}
