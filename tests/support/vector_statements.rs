//! The vectors of prepared statements through `mywire::wire`: commands, parameters, binary rows.

use mywire::wire::binary_row::Layout;
use mywire::wire::statement::ParameterType;
use mywire::wire::*;

use crate::vector_fields::Fields;
use crate::vectors::{Block, quoted};

/// The fields of a command on a prepared statement. `out` holds the command as it was encoded;
/// the parameters of an EXECUTE are encoded anew.
pub fn command(
    command: Command<'_>,
    block: &Block,
    out: &mut Vec<u8>,
) -> Result<Fields, DecodeError> {
    let named = |name: &str, statement: u32| {
        Fields::default().put("command", name).put("statement", statement)
    };
    Ok(match command {
        Command::StmtExecute(execute) => {
            let fields = named("STMT_EXECUTE", execute.statement);
            let fields = fields.put("cursor", execute.flags == Execute::CURSOR_READ_ONLY);
            let count = block.find("parameters").map_or(0, |count| count.parse().unwrap());
            let mut encoded = Vec::new();
            let fields = parameters(execute.parameters, count, block, fields, &mut encoded)?;
            out.clear();
            Command::StmtExecute(Execute { parameters: &encoded, ..execute }).encode(out);
            fields
        }
        Command::StmtBulkExecute(execute) => {
            let fields = named("STMT_BULK_EXECUTE", execute.statement);
            let mut encoded = Vec::new();
            let fields = bulk(&execute, block, fields, &mut encoded)?;
            out.clear();
            Command::StmtBulkExecute(BulkExecute { parameters: &encoded, ..execute }).encode(out);
            fields
        }
        Command::StmtSendLongData { statement, parameter, data } => {
            named("STMT_SEND_LONG_DATA", statement).put("parameter", parameter).bytes("data", data)
        }
        Command::StmtClose(statement) => named("STMT_CLOSE", statement),
        Command::StmtReset(statement) => named("STMT_RESET", statement),
        Command::StmtFetch { statement, rows } => named("STMT_FETCH", statement).put("rows", rows),
        other => panic!("{}: {other:?} needs a name here", block.place),
    })
}

fn parameters(
    encoded: &[u8],
    count: usize,
    block: &Block,
    mut fields: Fields,
    out: &mut Vec<u8>,
) -> Result<Fields, DecodeError> {
    let parameters = Parameters::decode(encoded, count)?;
    if count == 0 {
        return Ok(fields);
    }
    let new: Vec<ParameterType> = parameters.types().collect();
    fields = fields.put("new_types", !new.is_empty());
    for (index, one) in new.iter().enumerate() {
        fields = fields.put(format!("type[{index}]"), type_name(*one));
    }
    let types = if new.is_empty() { types(block.header("types")) } else { new.clone() };
    // What was sent as long data has no bytes here, as if its type were NULL (K-15).
    let long = block.find("long-data").unwrap_or("").split(' ').filter_map(|at| at.parse().ok());
    let long: Vec<usize> = long.collect();
    let mut held = types.clone();
    for &at in &long {
        held[at] = ParameterType::signed(ColumnType::NULL);
    }
    let values = parameters.values(&held)?;
    let nulls = Parameters::reserve_nulls(count, out).unwrap();
    for (index, value) in values.iter().enumerate() {
        let text = match value {
            None if long.contains(&index) => String::from("long data"),
            None => {
                nulls.set(index, out);
                String::from("NULL")
            }
            Some(value) => shown(value, types[index]),
        };
        fields = fields.put(format!("parameter[{index}]"), text);
    }
    Parameters::encode_types((!new.is_empty()).then_some(&new[..]), out);
    for (value, one) in values.iter().zip(&types) {
        let Some(value) = value else { continue };
        push_value(value, *one, out);
    }
    Ok(fields)
}

fn bulk(
    execute: &BulkExecute<'_>,
    block: &Block,
    mut fields: Fields,
    out: &mut Vec<u8>,
) -> Result<Fields, DecodeError> {
    let count = block.header("parameters").parse().unwrap();
    let mut rows = BulkRows::decode(execute, count)?;
    let new: Vec<ParameterType> = rows.types().collect();
    fields = fields.put("unit_results", execute.flags & BulkExecute::UNIT_RESULTS != 0);
    for (index, one) in new.iter().enumerate() {
        fields = fields.put(format!("type[{index}]"), type_name(*one));
        out.extend_from_slice(&one.encode());
    }
    let types = if new.is_empty() { types(block.header("types")) } else { new };
    let mut number = 0;
    while let Some(row) = rows.next_row(&types)? {
        for (index, (cell, one)) in row.into_iter().zip(&types).enumerate() {
            let text = match cell {
                Ok(value) => shown(value, *one),
                Err(Indicator::NULL) => String::from("NULL"),
                Err(Indicator::DEFAULT) => String::from("DEFAULT"),
                Err(_) => String::from("IGNORE"),
            };
            fields = fields.put(format!("row[{number}][{index}]"), text);
            out.push(cell.err().unwrap_or(Indicator::VALUE).0);
            if let Ok(value) = cell {
                push_value(value, *one, out);
            }
        }
        number += 1;
    }
    Ok(fields)
}

/// Appends a value in its type's layout.
fn push_value(value: &[u8], one: ParameterType, out: &mut Vec<u8>) {
    // A row of this value alone: 0x00, a byte of NULL bits, the value.
    let mut row = Vec::new();
    BinaryRow::encode([(Layout::of(one.column_type), Some(value))].into_iter(), &mut row);
    out.extend_from_slice(&row[2..]);
}

/// The fields of a row, whose columns' types the vector names.
pub fn row(block: &Block, mut fields: Fields, out: &mut Vec<u8>) -> Result<Fields, DecodeError> {
    let types = types(block.header("types"));
    let layouts: Vec<Layout> = types.iter().map(|one| Layout::of(one.column_type)).collect();
    let row = BinaryRow::decode(&block.bytes, &layouts)?;
    let mut walk = row.cells(layouts.len())?;
    let mut cells = Vec::new();
    for (index, (layout, one)) in layouts.iter().zip(&types).enumerate() {
        let cell = walk.next_cell(*layout)?;
        let text = cell.map_or_else(|| String::from("NULL"), |cell| shown(cell, *one));
        fields = fields.put(format!("cell[{index}]"), text);
        cells.push((*layout, cell));
    }
    BinaryRow::encode(cells.into_iter(), out);
    Ok(fields)
}

/// The types of a `types:` line.
fn types(names: &str) -> Vec<ParameterType> {
    let one = |name: &str| {
        let (name, unsigned) = name.strip_suffix(" UNSIGNED").map_or((name, false), |n| (n, true));
        let code = (0..=u8::MAX).find(|code| ColumnType(*code).name() == Some(name));
        let column_type = ColumnType(code.or_else(|| name.parse().ok()).expect(name));
        ParameterType { column_type, unsigned }
    };
    names.split(" | ").filter(|name| !name.is_empty()).map(one).collect()
}

fn type_name(one: ParameterType) -> String {
    let name = one.column_type.name().map(str::to_owned);
    let name = name.unwrap_or_else(|| one.column_type.0.to_string());
    if one.unsigned { name + " UNSIGNED" } else { name }
}

/// A value as a vector writes it: numbers as such, dates and times in SQL's form as far as the
/// bytes say them, anything else as bytes.
fn shown(bytes: &[u8], one: ParameterType) -> String {
    match (one.column_type, bytes.len()) {
        (ColumnType::FLOAT, _) => format!("{:?}", f32::from_le_bytes(bytes.try_into().unwrap())),
        (ColumnType::DOUBLE, _) => format!("{:?}", f64::from_le_bytes(bytes.try_into().unwrap())),
        (ColumnType::TIME, length @ (0 | 8 | 12)) => time(bytes, length),
        (ColumnType::DATE | ColumnType::DATETIME | ColumnType::TIMESTAMP, 0 | 4 | 7 | 11) => {
            date(bytes)
        }
        (column_type, _) if matches!(Layout::of(column_type), Layout::Fixed(_)) => {
            let negative = !one.unsigned && bytes.last().is_some_and(|byte| byte & 0x80 != 0);
            let mut whole = [if negative { 0xFF } else { 0 }; 16];
            whole[..bytes.len()].copy_from_slice(bytes);
            i128::from_le_bytes(whole).to_string()
        }
        _ => quoted(bytes),
    }
}

fn time(bytes: &[u8], length: usize) -> String {
    if length == 0 {
        return String::from("0d");
    }
    let sign = if bytes[0] == 0 { "" } else { "-" };
    let days = u32::from_le_bytes(bytes[1..5].try_into().unwrap());
    format!("{sign}{days}d {}{}", clock(&bytes[5..8]), fraction(&bytes[8..]))
}

fn date(bytes: &[u8]) -> String {
    let Some((date, rest)) = bytes.split_at_checked(4) else { return String::from("zero") };
    let year = u16::from_le_bytes([date[0], date[1]]);
    let date = format!("{year:04}-{:02}-{:02}", date[2], date[3]);
    match rest.split_at_checked(3) {
        Some((time, micros)) => format!("{date} {}{}", clock(time), fraction(micros)),
        None => date,
    }
}

fn clock(bytes: &[u8]) -> String {
    format!("{:02}:{:02}:{:02}", bytes[0], bytes[1], bytes[2])
}

fn fraction(bytes: &[u8]) -> String {
    let micros = bytes.try_into().map(u32::from_le_bytes);
    micros.map_or_else(|_| String::new(), |micros| format!(".{micros:06}"))
}
