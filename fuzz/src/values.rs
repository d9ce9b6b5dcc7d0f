//! Values as parameters and as cells: equal data is equal, whichever way it goes.

use std::fmt::Debug;
use std::net::IpAddr;

use mywire::error::Error;
use mywire::proto::Transport;
use mywire::value::{Date, DateTime, Decimal, FromValue, Time, ToValue, Value};
use mywire::wire::attributes::{Attribute, AttributedQuery};
use mywire::wire::binary_row::{ROW, bitmap_len};
use mywire::wire::statement::ParameterType;
use mywire::wire::{
    BulkExecute, BulkRows, ColumnDefinition, ColumnFlags, ColumnType, Indicator, Parameters,
    StatusFlags,
};
use mywire::{Limits, OwnedRow};

use super::drive::{Cuts, Plain, Reading, run};
use super::meter::bounded_by;
use super::server::{
    Action, Conversation, LoginKind, Offer, Turn, Writer, column, login, login_turns,
};
use super::source::Source;

/// A value, and what servers make of it.
#[derive(Debug)]
struct Sample {
    value: Value,
    definition: ColumnDefinition<'static>,
    parameter_type: Option<ParameterType>,
    /// As a parameter, and so as a cell of a binary row.
    binary: Vec<u8>,
    /// As a cell of a text row.
    text: Option<Vec<u8>>,
}

/// The longest value.
const MAX_VALUE: usize = 66_000;

pub fn values(data: &[u8]) {
    // Each value is drawn from a few bytes.
    bounded_by(data.len() + MAX_VALUE, || {
        let mut source = Source::new(data);
        let samples: Vec<_> = (0..=source.below(9)).map(|_| Sample::draw(&mut source)).collect();
        as_parameters(&samples);
        as_bulk_row(&samples);
        as_attributes(&samples);
        as_cells(&samples);
    });
}

impl Sample {
    fn draw(source: &mut Source<'_>) -> Self {
        let wide = source.u32();
        let number = u64::from(wide) << 32 | u64::from(source.u32());
        let number = number >> source.below(64);
        let signed = i64::from_le_bytes(number.to_le_bytes());
        // One bit pattern of each width.
        let [a, b, c, d, ..] = number.to_le_bytes();
        let decimals = source.pick(&[6, 0, 3]);
        let step = 10_u32.pow(6 - u32::from(decimals));
        let micros = wide % 1_000_000 / step * step;
        let date = Date::new(u16::from_le_bytes([a, b]) % 10_000, c % 13, d % 32);
        let clock = (a % 24, b % 60, c % 60);
        macro_rules! integer {
            ($variant:ident, $number:expr, $type:ident, $unsigned:literal) => {{
                let number = $number;
                let value = Value::$variant(number.into());
                Self::of(value, &number, ColumnType::$type, $unsigned, number.to_string())
            }};
        }
        match source.below(19) {
            0 => Self {
                value: Value::Null,
                definition: column(b"null"),
                parameter_type: None,
                binary: Vec::new(),
                text: None,
            },
            1 => integer!(Int, i8::from_le_bytes([a]), TINY, false),
            2 => integer!(UInt, a, TINY, true),
            3 => integer!(Int, i16::from_le_bytes([a, b]), SHORT, false),
            4 => integer!(UInt, u16::from_le_bytes([a, b]), SHORT, true),
            5 => integer!(Int, i32::from_le_bytes([a, b, c, d]), LONG, false),
            6 => integer!(UInt, u32::from_le_bytes([a, b, c, d]), LONG, true),
            7 => integer!(Int, signed, LONGLONG, false),
            8 => integer!(UInt, number, LONGLONG, true),
            9 => {
                let float = f64::from_bits(
                    number.rotate_left(source.below(64).try_into().expect("it is small")),
                );
                let float = if float.is_finite() { float } else { 0.5 };
                let value = Value::Double(float);
                Self::of(value, &float, ColumnType::DOUBLE, false, format!("{float:e}"))
            }
            10 => {
                let float = f32::from_bits(wide);
                let float = if float.is_finite() { float } else { 0.5 };
                let value = Value::Float(float);
                Self::of(value, &float, ColumnType::FLOAT, false, format!("{float:e}"))
            }
            11 => {
                let sign = if source.flag() { "-" } else { "" };
                let text = format!("{sign}{number}.{micros:06}");
                let decimal: Decimal = text.parse().expect("a number of few digits");
                let value = Value::Decimal(decimal.clone());
                Self::of(value, &decimal, ColumnType::NEWDECIMAL, false, text)
            }
            12 => Self::of(Value::Date(date), &date, ColumnType::DATE, false, date_text(date)),
            13 => {
                let (hour, minute, second) = clock;
                let moment = DateTime::new(date, hour, minute, second, micros);
                let text = format!(
                    "{} {hour:02}:{minute:02}:{second:02}{}",
                    date_text(date),
                    fraction(micros, decimals)
                );
                Self::of(Value::DateTime(moment), &moment, ColumnType::DATETIME, false, text)
                    .with_decimals(decimals)
            }
            14 => {
                let (_, minutes, seconds) = clock;
                let hours = u16::from_le_bytes([a, b]) % 839;
                let zero = (hours, minutes, seconds, micros) == (0, 0, 0, 0);
                // Servers have no negative zero.
                let negative = source.flag() && !zero;
                let time = Time { negative, hours, minutes, seconds, microseconds: micros };
                let text = format!(
                    "{}{hours:02}:{minutes:02}:{seconds:02}{}",
                    if negative { "-" } else { "" },
                    fraction(micros, decimals)
                );
                Self::of(Value::Time(time), &time, ColumnType::TIME, false, text)
                    .with_decimals(decimals)
            }
            15 | 16 => {
                let text = String::from_utf8_lossy(source.slice(300)).into_owned();
                let value = Value::Text(text.clone());
                Self::of(value, &text.as_str(), ColumnType::VAR_STRING, false, text.clone())
            }
            17 => {
                let length = source.pick(&[250, 251, 300, 65_535, 65_536, MAX_VALUE]);
                let bytes = vec![source.byte(); length];
                Self::bytes(bytes)
            }
            _ => Self::bytes(source.slice(300).to_vec()),
        }
    }

    fn bytes(bytes: Vec<u8>) -> Self {
        let value = Value::Bytes(bytes.clone());
        let mut sample = Self::of(value, &&bytes[..], ColumnType::BLOB, false, String::new());
        sample.definition.collation = mywire::wire::code::BINARY_COLLATION;
        sample.text = Some(bytes);
        sample
    }

    fn of(
        value: Value,
        parameter: &dyn ToValue,
        column_type: ColumnType,
        unsigned: bool,
        text: String,
    ) -> Self {
        let mut binary = Vec::new();
        parameter.write(&mut binary).expect("servers have such values");
        let mut again = Vec::new();
        value.write(&mut again).expect("servers have such values");
        let narrow = matches!(column_type, ColumnType::TINY | ColumnType::SHORT | ColumnType::LONG);
        assert!(narrow || again == binary, "{value:?} is not written as what it holds");
        let flags = if unsigned { ColumnFlags::UNSIGNED } else { ColumnFlags::default() };
        Self {
            value,
            definition: ColumnDefinition { column_type, flags, ..column(b"typed") },
            parameter_type: parameter.parameter_type(),
            binary,
            text: Some(text.into_bytes()),
        }
    }

    fn with_decimals(mut self, decimals: u8) -> Self {
        self.definition.decimals = decimals;
        self
    }

    fn declared(&self) -> ParameterType {
        self.parameter_type.unwrap_or(ParameterType::signed(ColumnType::NULL))
    }

    /// The value without the length that stands in front of some.
    fn bare(&self) -> Option<&[u8]> {
        let parameter = self.parameter_type?;
        let column_type = parameter.column_type;
        Some(match mywire::wire::binary_row::Layout::of(column_type) {
            mywire::wire::binary_row::Layout::Temporal => &self.binary[1..],
            mywire::wire::binary_row::Layout::LengthEncoded => {
                let head = match self.binary[0] {
                    0xFC => 3,
                    0xFD => 4,
                    _ => 1,
                };
                &self.binary[head..]
            }
            _ => &self.binary,
        })
    }
}

fn date_text(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

fn fraction(micros: u32, decimals: u8) -> String {
    match usize::from(decimals) {
        0 => String::new(),
        digits => format!(".{micros:06}")[..=digits].to_owned(),
    }
}

fn as_parameters(samples: &[Sample]) {
    let types: Vec<_> = samples.iter().map(Sample::declared).collect();
    let mut encoded = Vec::new();
    let nulls = Parameters::reserve_nulls(samples.len(), &mut encoded).expect("there are few");
    Parameters::encode_types(Some(&types), &mut encoded);
    for (index, sample) in samples.iter().enumerate() {
        match sample.parameter_type {
            None => nulls.set(index, &mut encoded),
            Some(_) => encoded.extend_from_slice(&sample.binary),
        }
    }
    let parameters = Parameters::decode(&encoded, samples.len()).expect("it was just encoded");
    assert!(parameters.types().eq(types.iter().copied()));
    let values = parameters.values(&types).expect("it was just encoded");
    assert!(values.into_iter().eq(samples.iter().map(Sample::bare)), "{samples:?}");
}

fn as_bulk_row(samples: &[Sample]) {
    let types: Vec<_> = samples.iter().map(Sample::declared).collect();
    let mut encoded: Vec<u8> = types.iter().flat_map(|one| one.encode()).collect();
    for sample in samples {
        let indicator = match sample.parameter_type {
            None => Indicator::NULL,
            Some(_) => Indicator::VALUE,
        };
        encoded.push(indicator.0);
        encoded.extend_from_slice(&sample.binary);
    }
    let flags = BulkExecute::SEND_TYPES;
    let execute = BulkExecute { statement: 7, flags, parameters: &encoded };
    let mut rows = BulkRows::decode(&execute, samples.len()).expect("it was just encoded");
    let row = rows.next_row(&types).expect("it was just encoded").expect("a row");
    let wanted = samples.iter().map(|sample| sample.bare().ok_or(Indicator::NULL));
    assert!(row.into_iter().eq(wanted), "{samples:?}");
    assert_eq!(rows.next_row(&types), Ok(None));
}

fn as_attributes(samples: &[Sample]) {
    let attributes = samples.iter().map(|sample| Attribute {
        name: b"name",
        parameter_type: sample.declared(),
        value: sample.parameter_type.map(|_| &sample.binary[..]),
    });
    let query = AttributedQuery { attributes: attributes.collect(), sql: b"SELECT 1" };
    let mut encoded = Vec::new();
    query.encode(&mut encoded).expect("there are few");
    assert_eq!(AttributedQuery::decode(&encoded), Ok(query));
}

/// The samples as a row of each protocol, through a connection.
fn as_cells(samples: &[Sample]) {
    let login = login(Transport::Network);
    let offer = Offer { mariadb: false, deprecate_eof: true, session_track: true, tls: false };
    let (login_turns, capabilities) = login_turns(LoginKind::Native, offer, &login);
    let definitions: Vec<_> = samples.iter().map(|sample| sample.definition).collect();
    let mut text = Writer::new(1, capabilities);
    text.head(&definitions);
    text.row(samples.iter().map(|sample| sample.text.as_deref()));
    text.end_of_rows(StatusFlags::AUTOCOMMIT);
    let mut row = vec![ROW];
    row.resize(1 + bitmap_len(samples.len()), 0);
    for (index, sample) in samples.iter().enumerate() {
        if sample.parameter_type.is_none() {
            let bit = index + 2;
            row[1 + bit / 8] |= 1 << (bit % 8);
        }
    }
    samples.iter().for_each(|sample| row.extend_from_slice(&sample.binary));
    let mut binary = Writer::new(1, capabilities);
    binary.head(&definitions);
    binary.packet(&row);
    binary.end_of_rows(StatusFlags::AUTOCOMMIT);
    let turns = vec![
        Turn { actions: vec![Action::Query], reply: text.out },
        Turn { actions: vec![Action::Execute], reply: binary.out },
    ];
    let conversation = Conversation { login, limits: Limits::default(), login_turns, turns };
    let mut rows: Vec<OwnedRow> = Vec::new();
    run(&conversation, &Cuts::Whole, Reading::Rows, &mut Plain::default(), &mut |connection, _| {
        let row = connection.row();
        if !row.payload().is_empty() {
            rows.push(row.to_owned());
        }
    });
    let [text, binary] = &rows[..] else { panic!("{} rows instead of two", rows.len()) };
    for (index, sample) in samples.iter().enumerate() {
        let value: Value = binary.get(index).unwrap_or_else(|error| panic!("{sample:?}: {error}"));
        assert_eq!(value, sample.value);
        // A FLOAT's text has six digits on servers, so that the two may differ.
        if sample.definition.column_type != ColumnType::FLOAT {
            assert_eq!(text.get::<Value>(index).expect("the same"), sample.value);
            agree(text, binary, index);
        }
    }
}

fn agree(text: &OwnedRow, binary: &OwnedRow, index: usize) {
    macro_rules! as_types {
        ($($type:ty),+ $(,)?) => { $(as_type::<$type>(text, binary, index);)+ };
    }
    as_types!(
        i8,
        u8,
        i16,
        u16,
        i32,
        u32,
        i64,
        u64,
        i128,
        u128,
        f32,
        f64,
        bool,
        &str,
        &[u8],
        Vec<u8>,
        Decimal,
        Date,
        DateTime,
        Time,
        IpAddr,
        Vec<f32>,
        Value,
        Option<i64>,
    );
    if text.columns().get(index).expect("a column").column_type() != ColumnType::DOUBLE {
        as_type::<String>(text, binary, index);
    }
}

fn as_type<'r, T: FromValue<'r> + Debug>(text: &'r OwnedRow, binary: &'r OwnedRow, index: usize) {
    let shown = |row: &'r OwnedRow| {
        let value = row.get::<T>(index).map_err(|error| match error {
            Error::Column(error) => error.reason(),
            error => panic!("{error}"),
        });
        format!("{value:?}")
    };
    let column = text.columns().get(index).expect("a column");
    let (rust, sql) = (std::any::type_name::<T>(), column.type_name());
    assert_eq!(shown(text), shown(binary), "{sql} as {rust}");
}
