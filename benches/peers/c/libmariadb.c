/* libmariadb: rows by mysql_use_result and, in binary, by mysql_stmt_fetch into bound buffers
 * without storing the result. Takes the same arguments as the other clients, prints the same. */
#include <mysql.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Counts how often memory is asked for, here and in the library. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
static uint64_t allocations;
void *malloc(size_t n) { allocations++; return __libc_malloc(n); }
void *calloc(size_t n, size_t m) { allocations++; return __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { allocations++; return __libc_realloc(p, n); }

static uint64_t sum;
static inline void add(uint64_t x) { sum = (sum << 5 | sum >> 59) ^ x; }
static inline void add_bytes(const char *p, uint64_t n) {
  add(n ^ (uint64_t)(n ? (unsigned char)p[n - 1] : 0) << 32);
}
static inline void add_datetime(uint64_t y, uint64_t m, uint64_t d, uint64_t h, uint64_t min, uint64_t s, uint64_t us) {
  add(y << 46 | m << 42 | d << 37 | h << 32 | min << 26 | s << 20 | us);
}
static inline void add_double(double x) { uint64_t bits; memcpy(&bits, &x, 8); add(bits); }

static void die(const char *what) { fprintf(stderr, "%s\n", what); exit(1); }
static void fail(MYSQL *mysql) { die(mysql_error(mysql)); }
static void fail_stmt(MYSQL_STMT *stmt) { die(mysql_stmt_error(stmt)); }

static uint64_t digits(const char *p, int n) { uint64_t x = 0; while (n-- > 0) x = x * 10 + (uint64_t)(*p++ - '0'); return x; }
static int64_t integer(const char *p, unsigned long n) {
  return n && *p == '-' ? -(int64_t)digits(p + 1, (int)n - 1) : (int64_t)digits(p, (int)n);
}

/* The columns of a shape: i(nt) s(tring) d(ouble) D(ate) T(ime and date). */
static const char *kinds(const char *shape) {
  static char wide[51];
  if (!strcmp(shape, "ints8")) return "iiiiiiii";
  if (!strcmp(shape, "mixed7")) return "issdTis";
  if (!strcmp(shape, "one")) return "i";
  if (!strcmp(shape, "nulls16")) return "isisisisisisisis";
  if (!strcmp(shape, "money6")) return "ssDDTT";
  if (!strcmp(shape, "blob64k")) return "s";
  if (!strcmp(shape, "big300k")) return "sss";
  if (!strcmp(shape, "cols50")) { for (int i = 0; i < 50; i++) wide[i] = i % 2 ? 's' : 'i'; return wide; }
  return "ssss";
}

static void text_rows(MYSQL *mysql, const char *sql, const char *kinds) {
  int columns = (int)strlen(kinds);
  if (mysql_query(mysql, sql)) fail(mysql);
  MYSQL_RES *result = mysql_use_result(mysql);
  if (!result) fail(mysql);
  MYSQL_ROW row;
  while ((row = mysql_fetch_row(result))) {
    unsigned long *lengths = mysql_fetch_lengths(result);
    for (int i = 0; i < columns; i++) {
      const char *p = row[i];
      if (!p) { add(UINT64_MAX); continue; }
      switch (kinds[i]) {
      case 'i': add((uint64_t)integer(p, lengths[i])); break;
      case 'd': add_double(strtod(p, NULL)); break;
      case 'D': add_datetime(digits(p, 4), digits(p + 5, 2), digits(p + 8, 2), 0, 0, 0, 0); break;
      case 'T':
        add_datetime(digits(p, 4), digits(p + 5, 2), digits(p + 8, 2), digits(p + 11, 2), digits(p + 14, 2),
                     digits(p + 17, 2), lengths[i] > 20 ? digits(p + 20, 6) : 0);
        break;
      default: add_bytes(p, lengths[i]);
      }
    }
  }
  if (mysql_errno(mysql)) fail(mysql);
  mysql_free_result(result);
}

static void binary_rows(MYSQL *mysql, const char *sql, const char *kinds) {
  int columns = (int)strlen(kinds);
  MYSQL_STMT *stmt = mysql_stmt_init(mysql);
  if (mysql_stmt_prepare(stmt, sql, strlen(sql)) || mysql_stmt_execute(stmt)) fail_stmt(stmt);
  MYSQL_BIND bind[50];
  memset(bind, 0, sizeof bind);
  int64_t ints[50]; double doubles[50]; MYSQL_TIME times[50]; char *strings[50];
  unsigned long lengths[50]; my_bool nulls[50];
  for (int i = 0; i < columns; i++) {
    bind[i].length = &lengths[i];
    bind[i].is_null = &nulls[i];
    switch (kinds[i]) {
    case 'i': bind[i].buffer_type = MYSQL_TYPE_LONGLONG; bind[i].buffer = &ints[i]; break;
    case 'd': bind[i].buffer_type = MYSQL_TYPE_DOUBLE; bind[i].buffer = &doubles[i]; break;
    case 'D': bind[i].buffer_type = MYSQL_TYPE_DATE; bind[i].buffer = &times[i]; break;
    case 'T': bind[i].buffer_type = MYSQL_TYPE_DATETIME; bind[i].buffer = &times[i]; break;
    default:
      bind[i].buffer_type = MYSQL_TYPE_BLOB;
      bind[i].buffer = strings[i] = malloc(bind[i].buffer_length = 128 << 10);
    }
  }
  if (mysql_stmt_bind_result(stmt, bind)) fail_stmt(stmt);
  int rc;
  while (!(rc = mysql_stmt_fetch(stmt))) {
    for (int i = 0; i < columns; i++) {
      if (nulls[i]) { add(UINT64_MAX); continue; }
      MYSQL_TIME *t = &times[i];
      switch (kinds[i]) {
      case 'i': add((uint64_t)ints[i]); break;
      case 'd': add_double(doubles[i]); break;
      case 'D': add_datetime(t->year, t->month, t->day, 0, 0, 0, 0); break;
      case 'T': add_datetime(t->year, t->month, t->day, t->hour, t->minute, t->second, t->second_part); break;
      default: add_bytes(strings[i], lengths[i]);
      }
    }
  }
  if (rc != MYSQL_NO_DATA) fail_stmt(stmt);
  mysql_stmt_close(stmt);
}

static void points(MYSQL *mysql, uint64_t count) {
  static const char sql[] = "SELECT a FROM point WHERE id = ?";
  MYSQL_STMT *stmt = mysql_stmt_init(mysql);
  if (mysql_stmt_prepare(stmt, sql, strlen(sql))) fail_stmt(stmt);
  int64_t id, value;
  MYSQL_BIND param, result;
  memset(&param, 0, sizeof param); memset(&result, 0, sizeof result);
  param.buffer_type = result.buffer_type = MYSQL_TYPE_LONGLONG;
  param.buffer = &id; result.buffer = &value;
  if (mysql_stmt_bind_param(stmt, &param) || mysql_stmt_bind_result(stmt, &result)) fail_stmt(stmt);
  for (uint64_t i = 0; i < count; i++) {
    id = (int64_t)(i * 7919 % 4096);
    if (mysql_stmt_execute(stmt) || mysql_stmt_fetch(stmt)) fail_stmt(stmt);
    add((uint64_t)value);
    mysql_stmt_free_result(stmt);
  }
  mysql_stmt_close(stmt);
}

/* Rows of parameters at a time. */
enum { MANY = 1024 };

static void inserts(MYSQL *mysql, uint64_t count) {
  static const char sql[] = "INSERT INTO sink VALUES (?, ?)";
  static char text[] = "the name of a customer";
  static int64_t ids[MANY];
  static char *names[MANY];
  static unsigned long lengths[MANY];
  MYSQL_STMT *stmt = mysql_stmt_init(mysql);
  if (mysql_query(mysql, "BEGIN")) fail(mysql);
  if (mysql_stmt_prepare(stmt, sql, strlen(sql))) fail_stmt(stmt);
  MYSQL_BIND params[2];
  memset(params, 0, sizeof params);
  params[0].buffer_type = MYSQL_TYPE_LONGLONG; params[0].buffer = ids;
  params[1].buffer_type = MYSQL_TYPE_STRING; params[1].buffer = names; params[1].length = lengths;
  for (uint64_t done = 0; done < count;) {
    unsigned many = count - done < MANY ? (unsigned)(count - done) : MANY;
    for (unsigned i = 0; i < many; i++) {
      ids[i] = (int64_t)(done + i); names[i] = text; lengths[i] = sizeof text - 1;
    }
    if (mysql_stmt_attr_set(stmt, STMT_ATTR_ARRAY_SIZE, &many) || mysql_stmt_bind_param(stmt, params)
        || mysql_stmt_execute(stmt)) fail_stmt(stmt);
    done += many;
  }
  mysql_stmt_close(stmt);
  if (mysql_query(mysql, "SELECT CAST(SUM(id + 1) AS SIGNED) FROM sink")) fail(mysql);
  MYSQL_RES *result = mysql_use_result(mysql);
  MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
  if (!row || !row[0]) fail(mysql);
  add(strtoull(row[0], NULL, 10));
  while (mysql_fetch_row(result)) {}
  mysql_free_result(result);
  if (mysql_query(mysql, "ROLLBACK")) fail(mysql);
}

static MYSQL *login(char **argv) {
  MYSQL *mysql = mysql_init(NULL);
  my_bool off = 0;
  mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &off);
  mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &off);
  mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  unsigned protocol = MYSQL_PROTOCOL_TCP;
  mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
  if (!mysql_real_connect(mysql, argv[5], argv[7], argv[8], "mywire_peers", (unsigned)atoi(argv[6]), NULL, 0)) fail(mysql);
  return mysql;
}

static long peak_kib(void) {
  char line[256]; long kib = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status)) sscanf(line, "VmHWM: %ld", &kib);
  return kib;
}

/* PEER KIND SHAPE COUNT HOST PORT USER PASSWORD */
int main(int argc, char **argv) {
  if (argc != 9) die("PEER KIND SHAPE COUNT HOST PORT USER PASSWORD");
  uint64_t count = strtoull(argv[4], NULL, 10);
  char sql[256];
  snprintf(sql, sizeof sql, "SELECT * FROM %s /* repeat=%s */", argv[3], argv[4]);
  if (!strcmp(argv[2], "connect")) {
    for (uint64_t i = 0; i < count; i++) { mysql_close(login(argv)); add(1); }
  } else {
    MYSQL *mysql = login(argv);
    if (!strcmp(argv[2], "text")) text_rows(mysql, sql, kinds(argv[3]));
    else if (!strcmp(argv[2], "binary")) binary_rows(mysql, sql, kinds(argv[3]));
    else if (!strcmp(argv[2], "insert")) inserts(mysql, count);
    else points(mysql, count);
    mysql_close(mysql);
  }
  printf("%llu %llu %ld\n", (unsigned long long)sum, (unsigned long long)allocations, peak_kib());
  return 0;
}
