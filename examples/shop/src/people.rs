//! Made-up people: names from parts, phones, e-mails, addresses, door codes.
//! Names no real person on purpose: parts are drawn at random, e-mails end in `example.com`.
//! Pure: a person is a function of (seed, number). Called by `generate`.

use crate::draw::Draw;

/// Stream of members, by customer id.
pub(crate) const MEMBERS: u64 = 1;
/// Stream of people in address books who are no members.
pub(crate) const OUTSIDERS: u64 = 2;
/// Stream of riders, by rider id.
pub(crate) const RIDERS: u64 = 3;

/// A made-up person.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    /// The name in lower-case Latin letters, joined by a stop.
    pub(crate) latin: String,
    pub(crate) phone: String,
}

/// Person `n` of `stream`; the same for the same seed.
pub(crate) fn person(seed: u64, stream: u64, n: i64) -> Person {
    let mut draw = Draw::new(seed, stream, n);
    let phone = phone(stream, n);
    if draw.below(10) < 7 {
        let none = ("", "");
        let (family, family_latin) = draw.of(FAMILY).copied().unwrap_or(none);
        let (first, first_latin) = draw.of(SYLLABLES).copied().unwrap_or(none);
        let (second, second_latin) = draw.of(SYLLABLES).copied().unwrap_or(none);
        let name = format!("{family}{first}{second}");
        let latin = format!("{first_latin}{second_latin}.{family_latin}");
        return Person { name, latin, phone };
    }
    let (first, last) = (draw.word(FIRST), draw.word(LAST));
    let latin = format!("{first}.{last}").to_ascii_lowercase();
    Person { name: format!("{first} {last}"), latin, phone }
}

/// A phone number no two people share.
///
/// INVARIANT: multiplication by a number coprime to 10^8 is one-to-one below 10^8, and the
/// streams use ranges that do not meet.
fn phone(stream: u64, n: i64) -> String {
    let base: i64 = match stream {
        OUTSIDERS => 50_000_000,
        RIDERS => 80_000_000,
        _ => 0,
    };
    let spread = ((base + n) * 61_803_399 + 12_345_678) % 100_000_000;
    format!("010-{:04}-{:04}", spread / 10_000, spread % 10_000)
}

/// An address with its postcode.
pub(crate) fn address(draw: &mut Draw) -> (String, String) {
    let postcode = format!("{:05}", 1_000 + draw.below(62_000));
    let number = 1 + draw.below(480);
    if draw.below(10) < 8 {
        let (city, street) = (draw.word(CITIES), draw.word(STREETS));
        let (block, door) = (101 + draw.below(40), 100 * (1 + draw.below(25)) + 1 + draw.below(6));
        return (format!("{city} {street} {number}, {block}동 {door}호"), postcode);
    }
    let (road, town) = (draw.word(ROADS), draw.word(TOWNS));
    (format!("{number} {road}, Apt {}, {town}", 1 + draw.below(90)), postcode)
}

/// The code that opens the street door: what must not be shown to anybody who need not know it.
pub(crate) fn door_code(draw: &mut Draw) -> String {
    match draw.below(3) {
        0 => format!("#{:04}*", draw.below(10_000)),
        1 => format!("{:04}#", draw.below(10_000)),
        _ => format!("*{:06}", draw.below(1_000_000)),
    }
}

const FAMILY: &[(&str, &str)] = &[
    ("김", "kim"),
    ("이", "lee"),
    ("박", "park"),
    ("최", "choi"),
    ("정", "jung"),
    ("강", "kang"),
    ("조", "cho"),
    ("윤", "yoon"),
    ("장", "jang"),
    ("임", "lim"),
    ("한", "han"),
    ("오", "oh"),
    ("서", "seo"),
    ("신", "shin"),
    ("권", "kwon"),
    ("황", "hwang"),
    ("안", "ahn"),
    ("송", "song"),
    ("류", "ryu"),
    ("홍", "hong"),
];

const SYLLABLES: &[(&str, &str)] = &[
    ("민", "min"),
    ("서", "seo"),
    ("지", "ji"),
    ("현", "hyun"),
    ("우", "woo"),
    ("은", "eun"),
    ("수", "su"),
    ("준", "jun"),
    ("영", "young"),
    ("호", "ho"),
    ("하", "ha"),
    ("윤", "yun"),
    ("진", "jin"),
    ("연", "yeon"),
    ("태", "tae"),
    ("경", "kyung"),
    ("성", "sung"),
    ("희", "hee"),
    ("선", "sun"),
    ("재", "jae"),
    ("아", "ah"),
    ("빈", "bin"),
    ("도", "do"),
    ("원", "won"),
    ("나", "na"),
    ("혜", "hye"),
];

const FIRST: &[&str] = &[
    "Alice", "Ben", "Clara", "Daniel", "Emma", "Felix", "Grace", "Henry", "Iris", "Jack", "Kate",
    "Leo", "Mia", "Noah", "Olive", "Peter", "Quinn", "Rose", "Sam", "Tessa", "Una", "Victor",
    "Wendy", "Yara", "Zoe",
];

const LAST: &[&str] = &[
    "Archer",
    "Baker",
    "Carter",
    "Dyer",
    "Ellis",
    "Fisher",
    "Gray",
    "Hunter",
    "Irwin",
    "Joiner",
    "Keller",
    "Lane",
    "Mason",
    "Norton",
    "Owens",
    "Potter",
    "Reeve",
    "Sawyer",
    "Turner",
    "Underhill",
    "Vale",
    "Walker",
    "York",
    "Weaver",
    "Wood",
];

const CITIES: &[&str] = &[
    "서울특별시 강남구",
    "서울특별시 마포구",
    "서울특별시 송파구",
    "부산광역시 해운대구",
    "대구광역시 수성구",
    "인천광역시 연수구",
    "광주광역시 서구",
    "대전광역시 유성구",
    "경기도 수원시 영통구",
    "경기도 성남시 분당구",
    "강원특별자치도 춘천시",
    "제주특별자치도 제주시",
];

const STREETS: &[&str] = &[
    "가온로",
    "나래길",
    "다솜로",
    "라온길",
    "미르로",
    "바람길",
    "소담로",
    "아람길",
    "한빛로",
    "해솔길",
];

const ROADS: &[&str] = &[
    "Alder Road",
    "Birch Lane",
    "Cedar Street",
    "Dock Street",
    "Elm Row",
    "Fern Hill",
    "Mill Lane",
];

const TOWNS: &[&str] = &["Seoul", "Busan", "Incheon", "Daejeon", "Jeju"];
