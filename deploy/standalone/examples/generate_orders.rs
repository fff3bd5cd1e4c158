//! Writes the sample orders of one day: the same text at every run, so that the sample can be
//! checked in and a change to it can be read.
//!
//! ```text
//! cargo run -p standalone --example generate_orders > deploy/standalone/sample/orders.csv
//! ```
//!
//! Companies and people are invented; `.example` belongs to nobody.

use std::error::Error;
use std::io::{self, Write};

const SEED: u64 = 20_260_717;
const DAY: &str = "2026-07-17";
const ORDER_COUNT: u32 = 2_400;
/// One order in every 36 seconds fills the day exactly and leaves the lines in order of time.
const SECONDS_PER_ORDER: u32 = 24 * 60 * 60 / ORDER_COUNT;

const HEADER: [&str; 8] = [
    "company_id",
    "user_email",
    "order_no",
    "product",
    "quantity",
    "unit_price",
    "currency",
    "paid_at",
];

struct Company {
    id: u32,
    domain: &'static str,
    /// Two companies share a prefix: an order number is unique within its company only.
    order_prefix: &'static str,
    /// Drawn from with equal chance, so a currency named twice is twice as likely.
    currencies: &'static [Currency],
    /// What this company pays, in percent of the list price.
    price_percent: u64,
    users: [&'static str; 8],
}

#[derive(Clone, Copy)]
enum Currency {
    Krw,
    Jpy,
    Usd,
    Eur,
}

struct Product {
    name: &'static str,
    list_price_krw: u64,
}

/// SplitMix64: its sequence is fixed by its definition, where a library's may change.
struct Dice(u64);

const COMPANIES: [Company; 5] = [
    Company {
        id: 100,
        domain: "hanbit.example",
        order_prefix: "HB",
        currencies: &[Currency::Krw],
        price_percent: 100,
        users: [
            "min.seo",
            "jiwoo.baek",
            "haneul.moon",
            "dohyun.nam",
            "sora.yun",
            "taeyang.gil",
            "bora.eom",
            "garam.cha",
        ],
    },
    Company {
        id: 200,
        domain: "saebyeok.example",
        order_prefix: "SB",
        currencies: &[Currency::Krw],
        price_percent: 96,
        users: [
            "areum.ko",
            "byeol.hwang",
            "nuri.jin",
            "seojun.pyo",
            "yeoreum.do",
            "eunbi.tak",
            "hyunwoo.ma",
            "dain.seol",
        ],
    },
    Company {
        id: 300,
        domain: "prairie-lantern.example",
        order_prefix: "PL",
        currencies: &[Currency::Usd],
        price_percent: 104,
        users: [
            "ada.quillfeather",
            "marcus.thornby",
            "priya.valecha",
            "diego.montaluz",
            "june.ashgrove",
            "omar.haddadin",
            "tess.winterbourn",
            "kofi.asantewa",
        ],
    },
    Company {
        id: 400,
        domain: "hafenbrueck.example",
        order_prefix: "HB",
        currencies: &[Currency::Eur, Currency::Eur, Currency::Eur, Currency::Eur, Currency::Usd],
        price_percent: 108,
        users: [
            "lena.fuchsberg",
            "jonas.uferland",
            "elif.yildizay",
            "matteo.pontevivo",
            "clara.steinbach-roth",
            "piotr.lesniak",
            "ines.valverde",
            "soren.aagesund",
        ],
    },
    Company {
        id: 500,
        domain: "komorebi.example",
        order_prefix: "KM",
        currencies: &[Currency::Jpy],
        price_percent: 99,
        users: [
            "haru.minase",
            "aoi.kitagami",
            "ren.tsukishiro",
            "yui.hoshikawa",
            "sota.amamiya",
            "mio.shirasagi",
            "kaito.unabara",
            "hina.otowa",
        ],
    },
];

/// The names carry what a reader of CSV can get wrong: Hangul, commas, quotes.
const PRODUCTS: [Product; 30] = [
    Product { name: "Wireless mouse", list_price_krw: 27_900 },
    Product { name: "Mechanical keyboard", list_price_krw: 129_000 },
    Product { name: "USB-C hub 7-in-1", list_price_krw: 54_500 },
    Product { name: "USB-C cable 2 m", list_price_krw: 12_900 },
    Product { name: "Laptop stand", list_price_krw: 39_800 },
    Product { name: "Monitor arm, 27\" to 32\", \"Slim\"", list_price_krw: 98_000 },
    Product { name: "27\" monitor", list_price_krw: 349_000 },
    Product { name: "Webcam 1080p", list_price_krw: 68_000 },
    Product { name: "Noise-cancelling headset", list_price_krw: 189_000 },
    Product { name: "Desk lamp", list_price_krw: 45_900 },
    Product { name: "Desk mat", list_price_krw: 23_500 },
    Product { name: "Office chair", list_price_krw: 289_000 },
    Product { name: "Footrest", list_price_krw: 36_700 },
    Product { name: "Portable SSD 1 TB", list_price_krw: 142_000 },
    Product { name: "Memory card 128 GB", list_price_krw: 19_900 },
    Product { name: "Power strip, 6 outlets", list_price_krw: 21_400 },
    Product { name: "GaN charger 65 W", list_price_krw: 49_900 },
    Product { name: "Label printer", list_price_krw: 87_300 },
    Product { name: "Paper A4, 2500 sheets", list_price_krw: 26_800 },
    Product { name: "Whiteboard markers (12)", list_price_krw: 14_200 },
    Product { name: "한지 공책", list_price_krw: 8_500 },
    Product { name: "만년필 잉크", list_price_krw: 18_000 },
    Product { name: "대나무 연필꽂이", list_price_krw: 11_300 },
    Product { name: "보리차 티백 (100개입)", list_price_krw: 9_900 },
    Product { name: "원두 커피 1kg", list_price_krw: 32_000 },
    Product { name: "유자차 선물세트", list_price_krw: 41_500 },
    Product { name: "도자기 머그컵", list_price_krw: 16_900 },
    Product { name: "접이식 우산", list_price_krw: 15_400 },
    Product { name: "무릎 담요", list_price_krw: 24_600 },
    Product { name: "Café crème filters", list_price_krw: 7_700 },
];

fn main() -> Result<(), Box<dyn Error>> {
    let stdout = io::stdout().lock();
    write_orders(stdout)?;
    Ok(())
}

fn write_orders(out: impl Write) -> Result<(), csv::Error> {
    let mut csv = csv::Writer::from_writer(out);
    let mut dice = Dice(SEED);
    let mut orders_of_company = [0_u32; COMPANIES.len()];
    csv.write_record(HEADER)?;
    for slot in 0..ORDER_COUNT {
        let company_index = dice.below(COMPANIES.len());
        orders_of_company[company_index] += 1;
        let order_count = orders_of_company[company_index];
        let company = &COMPANIES[company_index];
        let product = dice.pick(&PRODUCTS);
        let currency = *dice.pick(company.currencies);
        csv.write_record([
            company.id.to_string(),
            format!("{}@{}", dice.pick(&company.users), company.domain),
            format!("{}-{order_count:06}", company.order_prefix),
            product.name.to_owned(),
            (1 + dice.below(9)).to_string(),
            company.price_of(product, currency),
            currency.code().to_owned(),
            paid_at(slot, &mut dice),
        ])?;
    }
    csv.flush()?;
    Ok(())
}

fn paid_at(slot: u32, dice: &mut Dice) -> String {
    let second_of_day = slot * SECONDS_PER_ORDER + dice.below(SECONDS_PER_ORDER as usize) as u32;
    let (hour, minute, second) =
        (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{DAY}T{hour:02}:{minute:02}:{second:02}Z")
}

impl Company {
    /// A pure function, so that a product costs a company the same in all of its orders.
    fn price_of(&self, product: &Product, currency: Currency) -> String {
        let price_krw = product.list_price_krw * self.price_percent / 100;
        match currency {
            Currency::Krw => (price_krw / 100 * 100).to_string(),
            Currency::Jpy => (price_krw / 9).to_string(),
            Currency::Usd => cents(price_krw * 100 / 1_370),
            Currency::Eur => cents(price_krw * 100 / 1_480),
        }
    }
}

/// Whole numbers throughout: a price is never a float.
fn cents(amount: u64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}

impl Currency {
    fn code(self) -> &'static str {
        match self {
            Self::Krw => "KRW",
            Self::Jpy => "JPY",
            Self::Usd => "USD",
            Self::Eur => "EUR",
        }
    }
}

impl Dice {
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// The bias of the remainder is far below anything a sample could show.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
