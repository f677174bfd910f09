//! Requests out of a seed: valid fragments, and what hostile hands make of them.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// xorshift64*: small, and the same everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % end
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| u8::try_from(self.next() >> 56).unwrap()).collect()
    }
}

/// A request, and what may be expected of the answer.
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
    pub(super) shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// HTTP as it should be, whatever is in it: an answer is owed. `true` for `HEAD`.
    WellFormed(bool),
    /// No HTTP: 4xx, or the connection ends.
    Malformed,
    /// Breaks off in the middle; the sender waits for an answer, or is gone (`false`).
    BrokenOff(bool),
}

/// Tokens that the server gave, so that some requests go all the way.
#[derive(Default)]
pub(super) struct Known {
    tokens: Vec<String>,
}

impl Known {
    /// Remembers a few of the latest.
    pub(super) fn learn(&mut self, answer: &serde_json::Value) {
        for name in ["access_token", "refresh_token"] {
            if let Some(token) = answer[name].as_str() {
                self.tokens.push(token.to_owned());
            }
        }
        let surplus = self.tokens.len().saturating_sub(16);
        self.tokens.drain(..surplus);
    }

    fn token(&self, random: &mut Random) -> String {
        match self.tokens.len() {
            0 => "cat_none".to_owned(),
            count => self.tokens[random.below(count)].clone(),
        }
    }
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The next request.
pub(super) fn request(random: &mut Random, known: &Known) -> Request {
    match random.below(100) {
        0..6 => Request { bytes: malformed(random), shape: Shape::Malformed },
        6..10 => {
            let mut bytes = well_formed(random, known).0;
            bytes.truncate(random.below(bytes.len()));
            Request { bytes, shape: Shape::BrokenOff(random.chance(60)) }
        }
        _ => {
            let (bytes, head) = well_formed(random, known);
            Request { bytes, shape: Shape::WellFormed(head) }
        }
    }
}

fn well_formed(random: &mut Random, known: &Known) -> (Vec<u8>, bool) {
    let bank = random.chance(50);
    let (endpoint, pairs, authorization) = template(random, known, bank);
    let pairs = mutated(random, known, pairs);
    let path = path(random, bank, endpoint);
    let in_query = random.chance(if bank { 20 } else { 5 });
    let query =
        if in_query { format!("?{}", String::from_utf8(form(&pairs, true)).unwrap()) } else { String::new() };
    let body = if in_query { Vec::new() } else { body(random, &pairs, bank) };
    let usual = if matches!(endpoint, "jwks" | ".well-known/openid-configuration") { "GET" } else { "POST" };
    let method = if random.chance(90) {
        usual
    } else {
        random.pick(&["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "BREW"])
    };
    let mut head = format!("{method} {path}{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n").into_bytes();
    headers(random, known, authorization, &mut head);
    let media_type = if random.chance(85) {
        "application/x-www-form-urlencoded"
    } else {
        random.pick(&[
            "application/json",
            "text/plain",
            "multipart/form-data; boundary=x",
            "",
            ";;;",
            "application/x-www-form-urlencoded; charset=\"\u{e9}\"",
        ])
    };
    head.extend(format!("Content-Type: {media_type}\r\n").bytes());
    append_body(random, &mut head, &body);
    (head, method == "HEAD")
}

fn append_body(random: &mut Random, head: &mut Vec<u8>, body: &[u8]) {
    if body.is_empty() || random.chance(85) {
        head.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        head.extend_from_slice(body);
        return;
    }
    head.extend(b"Transfer-Encoding: chunked\r\n\r\n");
    let mut rest = body;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(1 + random.below(rest.len()));
        head.extend(format!("{:x}\r\n", chunk.len()).bytes());
        head.extend_from_slice(chunk);
        head.extend(b"\r\n");
        rest = after;
    }
    head.extend(b"0\r\n\r\n");
}

/// A request that is right as it stands: endpoint, parameters, `Authorization`. Wrong secrets and passwords are
/// tried on clients and users that nothing else here needs, because they end in locks.
fn template(random: &mut Random, known: &Known, bank: bool) -> (&'static str, Pairs, Option<String>) {
    let own = if bank { basic("spl-api", "password01") } else { basic("acme-m2m", M2M) };
    let token = known.token(random);
    let (endpoint, list, authorization): (_, Vec<(&str, &str)>, _) = match (random.below(12), bank) {
        (0, _) => ("token", vec![("grant_type", "client_credentials")], Some(own)),
        (1, true) => ("token", password("spl-app", "alice", "secret"), None),
        (1, false) => {
            let password = password("", "bob", "correct-horse-battery-staple");
            ("token", password, Some(basic("acme-legacy", LEGACY)))
        }
        (2, _) => {
            let app = if bank { "spl-app" } else { "acme-spa" };
            (
                "token",
                vec![("grant_type", "refresh_token"), ("refresh_token", &token), ("client_id", app)],
                None,
            )
        }
        (3 | 4, _) => ("introspect", vec![("token", &token)], Some(own)),
        (5, true) => ("introspect", vec![("token", &token)], Some(format!("Bearer {token}"))),
        (5 | 6, _) => ("revoke", vec![("token", "cat_x"), ("token_type_hint", "access_token")], Some(own)),
        (7, _) => ("userinfo", Vec::new(), Some(format!("Bearer {token}"))),
        (8, _) => (random_public(random), Vec::new(), None),
        (9, true) => ("token", password("spl-app", "employee1", random.pick(&PASSWORDS)), None),
        (10, _) => {
            let wrong = basic(random.pick(&["client1", "acme-web", "nobody"]), random.pick(&PASSWORDS));
            ("token", vec![("grant_type", "client_credentials")], Some(wrong))
        }
        _ => {
            let secret = random.pick(&PASSWORDS);
            let list = vec![
                ("grant_type", "client_credentials"),
                ("client_id", "client1"),
                ("client_secret", secret),
            ];
            ("token", list, None)
        }
    };
    let pairs =
        list.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
    (endpoint, pairs, authorization)
}

const M2M: &str = "acme-m2m-secret-0b7c41d2f98e4a63";
const LEGACY: &str = "acme-legacy-secret-51ce9a07d3b84f26";
const PASSWORDS: [&str; 5] =
    ["x", "Wrong.Pass-1", "p\u{e4}ss w\u{f6}rd \u{1f511}", "' OR 1=1 --", "csk_AAAA"];

fn password<'a>(client: &'a str, user: &'a str, password: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut list = vec![("grant_type", "password"), ("username", user), ("password", password)];
    list.push(("scope", "openid profile offline_access"));
    if !client.is_empty() {
        list.push(("client_id", client));
    }
    list
}

fn random_public(random: &mut Random) -> &'static str {
    random.pick(&["jwks", ".well-known/openid-configuration"])
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// Parameters with zero to three things wrong.
fn mutated(random: &mut Random, known: &Known, mut pairs: Pairs) -> Pairs {
    if random.chance(40) {
        return pairs;
    }
    for _ in 0..=random.below(3) {
        let at = random.below(pairs.len() + 1);
        match (random.below(10), at < pairs.len()) {
            (0, true) => drop(pairs.remove(at)),
            (1, true) => {
                let twin = pairs[at].clone();
                pairs.push(twin);
            }
            (2, true) => pairs[at].0 = broken(random),
            (3..6, true) => {
                let kept = matches!(
                    pairs[at].0.as_slice(),
                    b"password" | b"client_secret" | b"client_id" | b"username"
                );
                // Credentials stay right or become unreadable; nothing here may lock them out.
                pairs[at].1 = if kept {
                    UNREADABLE[random.below(UNREADABLE.len())].to_vec()
                } else {
                    value(random, known)
                };
            }
            (6, _) => {
                pairs.extend((0..random.below(90)).map(|n| (format!("p{n}").into_bytes(), b"v".to_vec())));
            }
            _ => {
                let name = random.pick(&NAMES).as_bytes().to_vec();
                pairs.push((name, value(random, known)));
            }
        }
    }
    pairs
}

/// Names that mean something somewhere; none with which a right secret would be tried wrongly.
const NAMES: [&str; 21] = [
    "scope",
    "authType",
    "channel",
    "noToken",
    "mode",
    "device_id",
    "device_externalid",
    "deviceCentric",
    "context",
    "resource",
    "resource",
    "token",
    "token_type_hint",
    "access_token",
    "refresh_token",
    "grant_type",
    "code",
    "redirect_uri",
    "client_assertion",
    "client_assertion_type",
    "id_token_hint",
];

/// Escaped already: these must arrive as they are.
const UNREADABLE: [&[u8]; 8] =
    [b"\0raw", b"%00", b"%", b"%4", b"%zz", b"%ff%fe", b"%ed%a0%80", b"\xff\xfe\xfd"];

fn broken(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => UNREADABLE[random.below(UNREADABLE.len())].to_vec(),
        1 => random.bytes(40),
        2 => vec![b'n'; 100 + random.below(200)],
        _ => Vec::new(),
    }
}

fn value(random: &mut Random, known: &Known) -> Vec<u8> {
    match random.below(12) {
        0 => UNREADABLE[random.below(UNREADABLE.len())].to_vec(),
        1 => random.bytes(200),
        2 => vec![b'v'; 17_000 + random.below(8_000)],
        3 => vec![b'v'; random.below(16_000)],
        4 => Vec::new(),
        5 => known.token(random).into_bytes(),
        6 => spoilt(random, known),
        7 => format!("{}", random.next()).into_bytes(),
        _ => random.pick(&VALUES).as_bytes().to_vec(),
    }
}

const VALUES: [&str; 24] = [
    "password",
    "client_credentials",
    "refresh_token",
    "authorization_code",
    "urn:openid:params:grant-type:ciba",
    "openid",
    "openid,profile",
    "offline_access admin",
    "AT_CUSTPW",
    "AT_NOSUCH",
    "CH_DIRECT",
    "CH_NOSUCH",
    "1",
    "0",
    "-1",
    "SIGNING",
    "a:b:true",
    ":::",
    "a:b",
    "IA==",
    "https://127.0.0.1/",
    "../../etc/passwd",
    "\"}{",
    "\u{202e}\u{0}",
];

/// A token with one letter changed, cut short, or under another prefix.
fn spoilt(random: &mut Random, known: &Known) -> Vec<u8> {
    let mut bytes = known.token(random).into_bytes();
    let at = random.below(bytes.len());
    match random.below(3) {
        0 => bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' },
        1 => bytes.truncate(at),
        _ => bytes[1] = b'a' + u8::try_from(random.below(26)).unwrap(),
    }
    bytes
}

fn path(random: &mut Random, bank: bool, endpoint: &str) -> String {
    let tenant = if bank { "ONLINEBANK" } else { "acme" };
    if random.chance(93) {
        return format!("/idp/{tenant}/authn/{endpoint}");
    }
    let long = "a".repeat(1 + random.below(3_000));
    match random.below(9) {
        0 => format!(
            "/idp/{}/authn/{endpoint}",
            random.pick(&["nobody", "onlinebank", "acme%00", "%ff", "..", "%2e%2e", "a%2Fb", ""])
        ),
        1 => format!("/idp/{long}/authn/{endpoint}"),
        2 => format!("/idp/{tenant}/authn/{long}"),
        3 => format!("/idp/{tenant}/authn/{endpoint}/"),
        4 => format!("//idp//{tenant}/authn/{endpoint}"),
        5 => format!("/.well-known/oauth-authorization-server/idp/{tenant}/authn"),
        6 => random
            .pick(&["/", "/healthz", "/metrics", "/idp", "/%", "/%zz", "/\u{fffd}"])
            .replace('\u{fffd}', "%EF%BF%BD"),
        7 => format!("http://127.0.0.1/idp/{tenant}/authn/{endpoint}"),
        _ => format!("/idp/{tenant}/authn/{}", endpoint.to_uppercase()),
    }
}

fn headers(random: &mut Random, known: &Known, authorization: Option<String>, head: &mut Vec<u8>) {
    let mut add = |name: &str, value: &[u8]| {
        head.extend(name.bytes());
        head.extend(b": ");
        head.extend_from_slice(value);
        head.extend(b"\r\n");
    };
    if random.chance(88) {
        if let Some(value) = authorization {
            add("Authorization", value.as_bytes());
        }
    } else {
        for _ in 0..=random.below(2) {
            add("Authorization", &hostile_authorization(random, known));
        }
    }
    if random.chance(20) {
        add(
            "Accept",
            random
                .pick(&["application/token-introspection+jwt", "*/*;q=0", ",,,;;;", "text/html"])
                .as_bytes(),
        );
    }
    if random.chance(20) {
        let long = vec![b'c'; random.below(300)];
        let ids: [&[u8]; 4] = [b"trace-1", b"<script>", b"\xff\xfe", &long];
        add("X-Correlation-ID", ids[random.below(4)]);
    }
    if random.chance(10) {
        add("Origin", random.pick(&["http://127.0.0.1:9000", "null", "http://evil.example"]).as_bytes());
    }
    if random.chance(5) {
        add("X-Junk", &vec![b'j'; random.below(30_000)]);
    }
    if random.chance(3) {
        (0..random.below(70)).for_each(|n| add(&format!("X-Junk-{n}"), b"1"));
    }
    if random.chance(2) {
        add("Expect", b"100-continue");
    }
}

fn hostile_authorization(random: &mut Random, known: &Known) -> Vec<u8> {
    let text = match random.below(12) {
        0 => "Basic".to_owned(),
        1 => "Basic !!!".to_owned(),
        2 => format!("Basic {}", STANDARD.encode("no colon")),
        3 => format!("Basic {}", STANDARD.encode(b"\xff\xfe:\xfd")),
        4 => format!("Basic {}", STANDARD.encode("%zz:%")),
        5 => format!("Basic {}", STANDARD.encode(format!("client1:{}", "s".repeat(random.below(9_000))))),
        6 => format!("Basic {}", "A".repeat(9_000 + random.below(9_000))),
        7 => format!("Bearer {}", String::from_utf8_lossy(&spoilt(random, known))),
        8 => "Bearer IA==".to_owned(),
        9 => random.pick(&["Digest x", "", " ", "Bearer", "DPoP x", "basic\t"]).to_owned(),
        10 => format!("Basic {}", STANDARD.encode(":")),
        _ => return b"Basic \xff\xfe\xfd".to_vec(),
    };
    text.into_bytes()
}

fn body(random: &mut Random, pairs: &Pairs, bank: bool) -> Vec<u8> {
    match random.below(100) {
        0..70 => form(pairs, false),
        70..82 => json(pairs),
        82..85 => {
            let mut text = json(pairs);
            text.truncate(random.below(text.len()));
            text
        }
        85..88 => random.bytes(2_000),
        88..90 => {
            let deep = random.below(3_000);
            format!("{{\"a\":{}1{}}}", "[".repeat(deep), "]".repeat(deep)).into_bytes()
        }
        90..92 => random
            .pick(&[
                "{\"a\":1,\"a\":2}",
                "{\"a\":{}}",
                "{\"grant_type\":1e999}",
                "[]",
                "{",
                "&&&===&",
                "\u{feff}{}",
            ])
            .into(),
        92 if bank => vec![b' '; 100_000],
        92 | 93 => vec![b'x'; 65_000 + random.below(40_000)],
        94 => Vec::new(),
        _ => form(pairs, random.chance(50)),
    }
}

/// A form body. What is escaped already, or must arrive unreadable, stays as it is, unless all must be `plain` text.
fn form(pairs: &Pairs, plain: bool) -> Vec<u8> {
    let part = |text: &[u8]| -> Vec<u8> {
        let kept = UNREADABLE.contains(&text) && !(plain && text.iter().any(|b| !b.is_ascii_graphic()));
        if kept { text.to_vec() } else { escaped(text) }
    };
    let mut out = Vec::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push(b'&');
        }
        out.extend(part(name));
        out.push(b'=');
        out.extend(part(value));
    }
    // A request target has its limit before anything is looked at.
    if plain {
        out.truncate(40_000);
    }
    out
}

fn escaped(text: &[u8]) -> Vec<u8> {
    let byte = |b: &u8| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' => vec![*b],
        b' ' => vec![b'+'],
        _ => format!("%{b:02x}").into_bytes(),
    };
    text.iter().flat_map(byte).collect()
}

fn json(pairs: &Pairs) -> Vec<u8> {
    let quoted = |text: &[u8]| serde_json::to_string(&String::from_utf8_lossy(text)).unwrap();
    let members: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

/// What is no HTTP/1.1 request, or contradicts itself.
fn malformed(random: &mut Random) -> Vec<u8> {
    const TOKEN: &str = "POST /idp/acme/authn/token HTTP/1.1\r\nHost: x\r\n";
    match random.below(18) {
        0 => random.bytes(400),
        1 => b"\r\n\r\n\r\n".to_vec(),
        2 => b"GET /idp/acme/authn/jwks HTTP/9.9\r\nHost: x\r\n\r\n".to_vec(),
        3 => b"GET /idp/acme/authn/jwks\r\n\r\n".to_vec(),
        4 => b"GET /idp/acme/authn/jwks HTTP/1.1\r\n\r\n".to_vec(),
        5 => format!("{TOKEN}no colon here\r\n\r\n").into_bytes(),
        6 => format!("{TOKEN}X-Nul: a\0b\r\n\r\n").into_bytes(),
        7 => format!("{TOKEN}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd").into_bytes(),
        8 => format!("{TOKEN}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").into_bytes(),
        9 => format!("{TOKEN}Content-Length: -1\r\n\r\n").into_bytes(),
        10 => format!("{TOKEN}Content-Length: 99999999999999999999\r\n\r\n").into_bytes(),
        11 => format!("{TOKEN}Transfer-Encoding: gzip\r\n\r\nx").into_bytes(),
        12 => format!("{TOKEN}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n").into_bytes(),
        13 => format!("{TOKEN}Transfer-Encoding: chunked\r\n\r\n2\r\nabcdef\r\n0\r\n\r\n").into_bytes(),
        14 => format!("{TOKEN}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\na").into_bytes(),
        15 => b"GET /a\x01b HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        16 => {
            let junk = (0..120).map(|n| format!("X-{n}: 1\r\n")).collect::<Vec<_>>().concat();
            format!("{TOKEN}{junk}\r\n").into_bytes()
        }
        _ => format!("{TOKEN}X-Junk: {}\r\n\r\n", "j".repeat(140_000)).into_bytes(),
    }
}
