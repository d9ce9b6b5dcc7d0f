#!/usr/bin/env bash
# servers.sh: real MySQL and MariaDB servers for the tests, on loopback, out of Debian packages
# unpacked into a cache folder. Nothing is installed into the system and no root is needed.
#
#   servers.sh up [--lease PID] [NAME...]  fetch, initialise, start, wait until each answers; print its `env`
#                                          with a lease the servers stop when no leaseholder lives any more,
#                                          without one they stay up until `down`
#   servers.sh env     [NAME...]           print KEY='value' lines of the servers that are up
#   servers.sh status
#   servers.sh down    [NAME...]           stop                       servers.sh destroy   down, then remove the run folder
#   servers.sh fetch   [NAME...]           only fill the cache (tshark, of tests/witness.rs, may be named here too)
#   servers.sh cli     NAME ARG...         the package's own client, as root over the socket
#   servers.sh run     NAME PROGRAM ARG... any program of an unpacked package
#
# NAME: mysql97 mariadb118 mariadb1011 (all of them unless given). README.md lists the settings.
set -euo pipefail
umask 022
export LC_ALL=C

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SELF=$HERE/$(basename "${BASH_SOURCE[0]}")
read -ra ALL <<<"${MYWIRE_SERVERS_NAMES:-mysql97 mariadb118 mariadb1011}"
PW=${MYWIRE_SERVERS_PASSWORD:-secret}
TESTSUITE=${MYWIRE_SERVERS_TESTSUITE:-0}
ELSE="set MYWIRE_TEST_URL to one or more running servers (mysql://user:password@host:port/db, separated by spaces) instead"

say() { printf '%s\n' "servers.sh: $*" >&2; }
die() { say "$*"; exit 1; }
cannot() { die "$*; $ELSE"; }

is_mariadb() { [[ $1 == mariadb* ]]; }
daemon_of() { if is_mariadb "$1"; then echo mariadbd; else echo mysqld; fi; }
client_of() { if is_mariadb "$1"; then echo mariadb; else echo mysql; fi; }
suite_of() { case $1 in
  mysql97) echo "${MYWIRE_SERVERS_SUITE_mysql97:-sid}";;
  mariadb118) echo "${MYWIRE_SERVERS_SUITE_mariadb118:-trixie}";;
  mariadb1011) echo bookworm;;
  openssl|tshark) echo trixie;;
  *) die "unknown server $1: it is one of mysql97 mariadb118 mariadb1011";; esac; }
packages_of() { case $1 in
  mysql97) echo mysql-server-core mysql-client-core;;
  openssl|tshark) echo "$1";;
  *) echo mariadb-server-core mariadb-client-core mariadb-server;; esac; }   # mariadb-server holds the plugins
addon_of() { if is_mariadb "$1"; then echo mariadb-test; else echo mysql-testsuite; fi; }

# ---------------------------------------------------------------- the two folders
# The run folder's name carries a hash of all that shapes the servers, so that two versions of this
# script (or two settings of it) never share one.
folders() {
  CACHE=${MYWIRE_SERVERS_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set: set MYWIRE_SERVERS_CACHE}/.cache}/mywire-servers}
  HASH=$({ cat "$HERE"/*.sh "$HERE"/*.sql "$HERE"/auth_pam_tool; echo "$PW $TESTSUITE"; } | sha256sum); HASH=${HASH:0:8}
  RUN=${MYWIRE_SERVERS_RUN:-${TMPDIR:-/tmp}/mywire-servers-$UID-$HASH}
  # sun_path has 108 bytes; the longest socket below is /mariadb1011/sock
  [ -n "${MYWIRE_SERVERS_RUN:-}" ] || [ ${#RUN} -le 80 ] || RUN=/tmp/mywire-servers-$UID-$HASH
  [ ${#RUN} -le 80 ] || die "the run folder's path is too long for Unix sockets ($RUN): set MYWIRE_SERVERS_RUN to a shorter one"
  [[ $CACHE == /* && $RUN == /* ]] || die "MYWIRE_SERVERS_CACHE and MYWIRE_SERVERS_RUN must be absolute paths"
  # what would have to be quoted in option files, library paths or our own output
  [[ ! "$CACHE$RUN$PW" =~ [\'\"\`\$\#\;:\\[:cntrl:]] ]] || die "MYWIRE_SERVERS_CACHE, _RUN or _PASSWORD holds a character that option files cannot"
}

take() { flock -w 2 "$1" || { say "waiting for another servers.sh that is busy in $2"; flock "$1"; }; } # DESCRIPTOR FOLDER

# Takes the run folder's lock on descriptor 8. The folder may have been destroyed while we waited:
# then the lock is on a deleted file and the wait starts over.
lock() {
  while :; do
    mkdir -p "$RUN"
    # /tmp is everybody's: a folder prepared by someone else is not to be trusted
    [ -O "$RUN" ] && [ ! -L "$RUN" ] || die "$RUN is not this user's own folder"
    chmod 700 "$RUN"; exec 8>"$RUN/.lock"
    take 8 "$RUN"
    [ "$RUN/.lock" -ef /proc/self/fd/8 ] && break
  done
  mkdir -p "$RUN/leases" "$RUN/bin"
  # process ids of before a reboot say nothing
  local was= now; read -r now </proc/sys/kernel/random/boot_id; [ ! -f "$RUN/.boot" ] || read -r was <"$RUN/.boot"
  [ "$was" = "$now" ] || { rm -f "$RUN"/leases/* "$RUN"/*/pid "$RUN"/*/ready "$RUN"/*/hold; echo "$now" >"$RUN/.boot"; }
}

# ---------------------------------------------------------------- processes
# A process is known by its id and its start time (field 22 of stat): ids are reused.
start_of() { # PID : its start time in REPLY; false when it is dead or a zombie
  local s= f; REPLY=
  IFS= read -rd '' s 2>/dev/null <"/proc/$1/stat" || [ -n "$s" ] || return 1
  read -rd '' -a f <<<"${s##*) }" || true
  [[ ${f[0]} != [ZX] ]] && REPLY=${f[19]}
}
is_process() { { start_of "$1" && [ "$REPLY" = "$2" ]; } 2>/dev/null; }
alive() { # NAME : its server runs; the id in PID
  local start; PID=; { read -r PID start <"$RUN/$1/pid"; } 2>/dev/null && is_process "$PID" "$start"; }
is_ready() { # NAME : it runs and its `up` came to the end
  local p; alive "$1" && { read -r p <"$RUN/$1/ready"; } 2>/dev/null && [ "$p" = "$PID" ]; }

# Starts a program in a session of its own that holds nothing of the caller's (a pipe that `cargo test`
# writes to must reach its end when the tests end, not when the servers do). It writes the pid file
# itself before it turns into the program, so there is no moment with a server but without its pid.
detached() { # PIDFILE LOG KEPT_FD PROGRAM ARG...
  local pidfile=$1 log=$2 keep=$3 f; shift 3
  (
    cd /; start_of "$BASHPID"; echo "$BASHPID $REPLY" >"$pidfile"
    exec </dev/null >>"$log" 2>&1
    for f in /proc/self/fd/*; do f=${f##*/}; [ "$f" -le 2 ] || [ "$f" = "$keep" ] || eval "exec $f>&-"; done
    exec setsid "$@"
  ) & disown   # no job of ours: an interrupt of `up` is not passed on to it
}

# ---------------------------------------------------------------- leases
lease_alive() { # true when some leaseholder lives; forgets the dead ones
  local f n any=1
  for f in "$RUN"/leases/*; do
    [ -e "$f" ] || continue
    n=${f##*/}; if is_process "${n%.*}" "${n#*.}"; then any=0; else rm -f "$f"; fi
  done
  return $any
}
lease() { # PID : with the lock held
  start_of "$1" || die "no process $1 to give a lease to"
  : >"$RUN/leases/$1.$REPLY"
  # The watcher starts before the servers do, for an `up` that is killed half way. It inherits its lock,
  # locked: there is no gap in which two could start, or none.
  exec 7>"$RUN/.watcher"
  if flock -n 7; then MYWIRE_SERVERS_RUN=$RUN detached "$RUN/watcher" "$RUN/watcher.log" 7 bash "$SELF" watch; fi
  exec 7>&-
}
watch() {
  local n
  while [ "$RUN/.watcher" -ef /proc/self/fd/7 ]; do   # until somebody destroys the run folder
    sleep 1 7>&-
    lease_alive && continue
    lock   # waits for an `up` in flight, which may bring a lease
    if ! lease_alive; then
      for n in mysql97 mariadb118 mariadb1011; do [ -e "$RUN/$n/hold" ] || stop "$n" 7>&- & done; wait
      exec 7>&-; exit 0   # first the watcher's lock, then the folder's: the next `up` starts a new watcher
    fi
    exec 8>&-
  done
}

# ---------------------------------------------------------------- fetch
# Packages of the closure that none of the kept programs needs (maintainer scripts and perl).
SKIP='^(perl|perl-base|perl-modules-.*|libperl.*|lib[a-z0-9-]*-perl|libc-gconv-modules-extra|gcc-[0-9]+-base|debconf|dpkg|tar|passwd|adduser|init-system-helpers|sysvinit-utils|procps|psmisc|lsb-base|ucf|sensible-utils|libsemanage.*|libsepol.*|base-passwd|base-files|iproute2|libbpf.*|libelf.*|libxtables.*|libcap2-bin|debianutils|coreutils|gawk|mawk|sed|grep|findutils|diffutils|hostname|bash|dash|libsigsegv2|libmpfr.*|libgmp10|login.*|util-linux.*|mount|usrmerge|libdebconfclient0|mysql-common|mariadb-common|libpam-runtime|libaudit-common|readline-common|openssl-provider-legacy|galera-.*|mariadb-plugin-provider.*|rsync|socat|lsof|systemd.*|libsystemd-shared|udev|media-types|libpopt0|libproc2-0|libncurses6|libgdbm.*|libdb5.*)$'
# What is unpacked but of no use here.
PRUNE=(usr/share/doc usr/share/man usr/share/locale usr/share/lintian usr/share/gdb usr/share/gcc usr/share/perl usr/share/perl5
  usr/share/bash-completion usr/share/info usr/share/mysql/mini-benchmark usr/share/mariadb/mini-benchmark
  'usr/lib/*-linux-gnu/gconv' 'usr/lib/*-linux-gnu/perl*' 'usr/lib/*-linux-gnu/audit' usr/lib/systemd etc var)
KEEP='^(mysql|mysqladmin|mysqlbinlog|mysqldump|mysqlslap|mysql_tzinfo_to_sql|perror|mariadb|mariadb-admin|mariadb-binlog|mariadb-dump|mariadb-slap|mariadb-tzinfo-to-sql|openssl|tshark|text2pcap|mysqld|mariadbd)$'

stamp_of() { echo "v1 $(suite_of "$1") $(packages_of "$1")"; }
has_base() { local s=; { read -r s <"$CACHE/$1/.stamp"; } 2>/dev/null; [ "$s" = "$(stamp_of "$1")" ]; }
# The test-suite package is only a source of server side plugins (clear text, dialog, second factor).
# They lie in a folder of their own, stamped with the very base they belong to.
wants_addon() { [ "$TESTSUITE" = 1 ] && [[ $1 != openssl && $1 != tshark ]]; }
has_addon() { cmp -s "$CACHE/$1-testsuite/.id" "$CACHE/$1/.id"; }
is_fetched() { has_base "$1" && { ! wants_addon "$1" || has_addon "$1"; }; }

# The mirror is the machine's own: read from apt's configuration, never written down here. The suite's
# name tells Debian's archive from other repositories, the path tells it from those that use its names.
mirrors() {
  local uri release component
  MIRROR=${MYWIRE_SERVERS_MIRROR:-} SECURITY=${MYWIRE_SERVERS_SECURITY_MIRROR:-}
  [ -z "$MIRROR" ] || return 0
  while read -r uri release component; do
    [ "$component" = main ] || continue
    case $release in
      *-security|*/updates) [ -n "$SECURITY" ] || SECURITY=${uri%/};;
      *-updates|bookworm|trixie|forky|duke|sid|stable|testing|unstable)
        [[ ! $uri =~ /debian(\.list)?/?$ ]] || [ -n "$MIRROR" ] || MIRROR=${uri%/};;
    esac
  done < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null)
}
can_fetch() {
  local p
  for p in apt-get dpkg-deb tar; do command -v "$p" >/dev/null || cannot "$p, which fetches the test servers, is not on this machine"; done
  command -v gpgv >/dev/null || command -v sqv >/dev/null || cannot "gpgv, which verifies the archive that the test servers come from, is not on this machine"
  mirrors
  KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg; [ -r "$KEYRING" ] || KEYRING=${KEYRING%.gpg}.pgp
  KEYRING=${MYWIRE_SERVERS_KEYRING:-$KEYRING}
  [ -r "$KEYRING" ] || cannot "there is no $KEYRING (package debian-archive-keyring) to verify the archive that the test servers come from"
  [ -n "$MIRROR" ] || cannot "apt on this machine knows no Debian mirror to fetch the test servers from (MYWIRE_SERVERS_MIRROR may name one)"
  mkdir -p "$CACHE" 2>/dev/null && [ -w "$CACHE" ] || die "the cache folder $CACHE cannot be written"
}

# A private apt: its own lists, sources and (empty) status, so that nothing of the system is touched.
apt_open() { # DIR SUITE
  local st=$1 suite=$2 by="[signed-by=$KEYRING target=Packages]"
  rm -rf "$st"; mkdir -p "$st"/{lists/partial,cache/archives/partial,none,deb}; : >"$st/status"
  { echo "deb $by $MIRROR $suite main"
    [ "$suite" = sid ] || echo "deb $by $MIRROR $suite-updates main"
    [ "$suite" = sid ] || [ -z "$SECURITY" ] || echo "deb $by $SECURITY $suite-security main"
  } >"$st/sources.list"
  cat >"$st/apt.conf" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "$st";
Dir::State::status "$st/status";
Dir::State::lists "$st/lists";
Dir::Cache "$st/cache";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::Etc::sourcelist "$st/sources.list";
Dir::Etc::sourceparts "$st/none";
Dir::Etc::preferences "$st/none/none";
Dir::Etc::preferencesparts "$st/none";
APT::Install-Recommends "false";
APT::Sandbox::User "";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Acquire::GzipIndexes "false";
Acquire::Retries "3";
Debug::NoLocking "1";
CONF
  apt "$st" --error-on=any update || apt_failed "$st" "the package list of Debian $suite could not be fetched or verified"
}
apt() { local st=$1; shift; ( cd "$st/deb"; apt-get -q -c "$st/apt.conf" "$@" ) >>"$st/log" 2>&1 8>&- 9>&-; }
apt_failed() { grep -E '^[EW]:' "$1/log" | tail -n 5 >&2 || true; cannot "$2 (log: $1/log)"; }
unpack() { # DEB DEST TAR_ARG...
  local d=$1 t=$2; shift 2; dpkg-deb --fsys-tarfile "$d" | tar -x --keep-directory-symlink --no-same-owner -C "$t" "$@"; }

fetch_base() { # NAME APTDIR
  local name=$1 st=$2 new=$CACHE/$1.new p d
  say "fetching $name from Debian $(suite_of "$name") into $CACHE/$name (once)"
  : >"$st/log"
  # shellcheck disable=SC2046
  apt "$st" -s install $(packages_of "$name") || apt_failed "$st" "the packages of $name cannot be resolved"
  sed -nE 's/^Inst ([^ ]+) \(([^ ]+) .*/\1=\2/p' "$st/log" | while IFS= read -r p; do [[ ${p%%=*} =~ $SKIP ]] || echo "$p"; done >"$st/want"
  # shellcheck disable=SC2046
  apt "$st" download $(<"$st/want") || apt_failed "$st" "the packages of $name could not be downloaded or verified"
  rm -rf "$new"; mkdir -p "$new"/usr/{lib,bin,sbin,lib64}
  for d in lib lib64 bin sbin; do ln -s "usr/$d" "$new/$d"; done
  for d in "$st"/deb/*.deb; do unpack "$d" "$new" || die "${d##*/} could not be unpacked into $new"; rm "$d"; done
  for d in "${PRUNE[@]}"; do rm -rf "$new"/$d; done
  for d in "$new"/usr/bin/* "$new"/usr/sbin/*; do [[ ${d##*/} =~ $KEEP ]] || rm -f "$d"; done
  cp "$st/want" "$new/packages.txt"
  stamp_of "$name" >"$new/.stamp"
  # data folders, templates and the add-on name the very tree they were made with
  { cat "$new/packages.txt"; date +%s%N; } | sha256sum >"$new/.id"
  rm -rf "$CACHE/$name"; mv "$new" "$CACHE/$name"
}

fetch_addon() { # NAME APTDIR : false when the archive no longer has the version the base was made of
  local name=$1 st=$2 new=$CACHE/$1-testsuite.new version p; p=$(addon_of "$1")
  version=$(sed -n "s/^$(daemon_package "$name")=//p" "$CACHE/$name/packages.txt")
  say "fetching the server plugins in $p of $name (once)"
  apt "$st" download "$p=$version" || return 1
  rm -rf "$new"; mkdir -p "$new"
  unpack "$st"/deb/"$p"_*.deb "$new" --wildcards './usr/lib/mysql/plugin/*auth*.so' './usr/lib/mysql/plugin/dialog_examples.so' 2>/dev/null || true
  [ -f "$new/usr/lib/mysql/plugin/auth_test_plugin.so" ] || die "there is no auth_test_plugin.so in $p $version"
  cp "$CACHE/$name/.id" "$new/.id"; rm -rf "$CACHE/$name-testsuite"; mv "$new" "$CACHE/$name-testsuite"
}
daemon_package() { if is_mariadb "$1"; then echo mariadb-server-core; else echo mysql-server-core; fi; }

fetch_one() { # NAME
  local name=$1 st=$CACHE/.apt-$1.$BASHPID   # a name of its own: an interrupted run's apt-get may still be ending
  local old=yes
  ! is_fetched "$name" || return 0
  exec 9>"$CACHE/.lock-$name"; take 9 "$CACHE/$name"
  if ! is_fetched "$name"; then
    rm -rf "$CACHE/.apt-$name".*
    apt_open "$st" "$(suite_of "$name")"
    has_base "$name" || { old=; fetch_base "$name" "$st"; }
    if wants_addon "$name" && ! has_addon "$name"; then
      # an older base, whose version is gone from the archive, has to go too
      fetch_addon "$name" "$st" || { [ -n "$old" ] && fetch_base "$name" "$st" && fetch_addon "$name" "$st"; } ||
        apt_failed "$st" "$(addon_of "$name") could not be downloaded or verified"
    fi
    rm -rf "$st"
  fi
  exec 9>&-
}
fetch_all() {
  local n todo=(); for n in "$@"; do is_fetched "$n" || todo+=("$n"); done
  [ ${#todo[@]} -gt 0 ] || return 0
  can_fetch; each fetch_one "${todo[@]}"
}
each() { # FUNCTION NAME... : in parallel; ends the script when one fails
  local f=$1 n p pids=() rc=0; shift
  for n in "$@"; do "$f" "$n" & pids+=($!); done
  for p in "${pids[@]}"; do wait "$p" || rc=1; done
  [ $rc = 0 ] || exit 1
}

# ---------------------------------------------------------------- programs of a tree
# They run with the tree's own loader and libraries, whatever the system has.
first() { local f; for f in "$@"; do [ ! -e "$f" ] || { REPLY=$f; return 0; }; done; die "there is no ${1##*/} in $CACHE: remove that folder and run again"; }
loader_of() { first "$CACHE/$1"/usr/lib/*-linux-gnu*/ld-linux*.so.* "$CACHE/$1"/usr/lib/ld-linux*.so.*; }
libs_of() { first "$CACHE/$1"/usr/lib/*-linux-gnu*; REPLY+=:$CACHE/$1/usr/lib/mysql/private; }
command_of() { # NAME PROGRAM : the command line in COMMAND
  loader_of "$1"; COMMAND=("$REPLY" --inhibit-cache --library-path); libs_of "$1"; COMMAND+=("$REPLY")
  first "$CACHE/$1/usr/bin/$2" "$CACHE/$1/usr/sbin/$2"; COMMAND+=("$REPLY")
}
program() { local COMMAND n=$1 p=$2; shift 2; command_of "$n" "$p"; "${COMMAND[@]}" "$@"; }
client() { local n=$1; shift; program "$n" "$(client_of "$n")" --no-defaults --protocol=socket -S "$RUN/$n/sock" -uroot "$@"; }
share_of() { local t=$CACHE/$1/usr/share; if is_mariadb "$1" && [ -d "$t/mariadb" ]; then echo "$t/mariadb"; else echo "$t/mysql"; fi; }

# ---------------------------------------------------------------- certificates
# Made once into the cache (six RSA keys take a while), copied into each run folder, renewed after a year.
openssl_() { if command -v openssl >/dev/null; then openssl "$@"; else program openssl openssl "$@"; fi; }
make_ca() { # NAME COMMON_NAME
  openssl_ req -x509 -newkey rsa:2048 -nodes -sha256 -days 1000 -subj "/CN=$2" -keyout "$1-key.pem" -out "$1.pem" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign; }
make_cert() { # NAME SUBJECT CA EXTENSION...
  local n=$1 s=$2 ca=$3; shift 3
  printf '%s\n' basicConstraints=CA:FALSE "$@" >"$n.ext"
  openssl_ req -newkey rsa:2048 -nodes -sha256 -subj "$s" -keyout "$n-key.pem" -out "$n.csr"
  openssl_ x509 -req -in "$n.csr" -CA "$ca.pem" -CAkey "$ca-key.pem" -CAcreateserial -CAserial "$n.srl" -sha256 -days 800 -out "$n-cert.pem" -extfile "$n.ext"
  rm -f "$n.csr" "$n.ext" "$n.srl"; }
make_certs() { # in the current folder
  # our own configuration: the system's may say anything
  printf '%s\n' '[req]' 'distinguished_name=dn' '[dn]' >openssl.cnf; export OPENSSL_CONF=$PWD/openssl.cnf
  make_ca ca "mysql-test CA"
  make_ca other-ca "another CA"
  make_cert server /CN=localhost ca subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1 extendedKeyUsage=serverAuth
  make_cert wronghost /CN=wrong.example ca subjectAltName=DNS:wrong.example extendedKeyUsage=serverAuth
  make_cert client /O=mysql-test/CN=client ca extendedKeyUsage=clientAuth
  make_cert other-client /CN=stranger other-ca extendedKeyUsage=clientAuth
  chmod 644 ./*.pem; chmod 600 ./*-key.pem
}
fresh() { [ -n "$(find "$1/.done" -mtime -365 2>/dev/null)" ]; }
cached_certs() {
  local c=$CACHE/certs
  mkdir -p "$CACHE"; exec 9>"$CACHE/.lock-certs"; take 9 "$c"
  fresh "$c" || {
    rm -rf "$c" "$c.new"; mkdir "$c.new"
    # not `( ... ) || die`: that would switch off set -e inside
    set +e; ( set -e; cd "$c.new"; make_certs ) >"$CACHE/certs.log" 2>&1 9>&-; local rc=$?; set -e
    [ $rc = 0 ] || die "openssl could not make the certificates ($CACHE/certs.log)"
    touch "$c.new/.done"; mv "$c.new" "$c"
  }
  exec 9>&-
}
certs() {
  cached_certs
  rm -rf "$RUN/certs" "$RUN/certs.new"; cp -pr "$CACHE/certs" "$RUN/certs.new"; mv "$RUN/certs.new" "$RUN/certs"
}

# ---------------------------------------------------------------- configuration and data folder
config() { # NAME PORT
  local name=$1 port=$2 d=$RUN/$1 p; share=$(share_of "$1")
  rm -rf "$d/plugin"; mkdir -p "$d/files" "$d/tmp" "$d/plugin/auth_pam_tool_dir"; chmod 750 "$d/files"
  # a plugin folder of links: the package's plugins, the add-on's, and our stand-in for the PAM helper
  ln -s "$CACHE/$name"/usr/lib/mysql/plugin/*.so "$d/plugin/"
  ! wants_addon "$name" || ln -sf "$CACHE/$name-testsuite"/usr/lib/mysql/plugin/*.so "$d/plugin/"
  ! is_mariadb "$name" || cp "$HERE/auth_pam_tool" "$d/plugin/auth_pam_tool_dir/"
  { echo "[mysqld]"
    [ "$UID" -ne 0 ] || echo "user=root"
    cat <<CNF
datadir=$d/data
port=$port
bind-address=127.0.0.1
socket=$d/sock
pid-file=$d/server.pid
log-error=$d/error.log
tmpdir=$d/tmp
secure_file_priv=$d/files
lc-messages-dir=$share
character-sets-dir=$share/charsets
plugin-dir=$d/plugin
skip-name-resolve
max_connections=600
max_allowed_packet=1G
local_infile=ON
tls_version=TLSv1.2,TLSv1.3
ssl-ca=$RUN/certs/ca.pem
ssl-cert=$RUN/certs/server-cert.pem
ssl-key=$RUN/certs/server-key.pem
server-id=${name//[a-z]/}
log-bin=binlog
binlog-format=ROW
# binary logs are needed (GTIDs) but never kept: a finished one is purged when the next one begins
max_binlog_size=64M
binlog_expire_logs_seconds=60
loose-slave_connections_needed_for_purge=0
# test data need not outlive the machine: nothing waits for the disk
sync_binlog=0
innodb_flush_log_at_trx_commit=2
innodb_flush_method=nosync
innodb_doublewrite=OFF
innodb_buffer_pool_size=256M
innodb_buffer_pool_dump_at_shutdown=OFF
innodb_buffer_pool_load_at_startup=OFF
CNF
    if is_mariadb "$name"; then
      printf '%s\n' plugin-maturity=unknown innodb_log_file_size=48M character-set-server=utf8mb4 \
        plugin-load-add=auth_ed25519 plugin-load-add=auth_pam performance_schema=ON
      for p in auth_parsec dialog_examples auth_test_plugin; do [ ! -e "$d/plugin/$p.so" ] || echo "plugin-load-add=$p"; done
      # accounts "VIA pam" are asked with the dialog plugin on 11.8 and with mysql_clear_password on 10.11
      [ "$name" != mariadb1011 ] || echo pam-use-cleartext-plugin=ON
    else
      printf '%s\n' mysqlx=0 gtid_mode=ON enforce_gtid_consistency=ON plugin-load-add=auth_socket.so plugin-load-add=mysql_no_login.so
      for p in auth_test_plugin auth; do [ ! -e "$d/plugin/$p.so" ] || echo "plugin-load-add=$p.so"; done
    fi
  } >"$d/my.cnf"
}

# A data folder is made once per tree and kept in the cache as a template: a copy takes no time.
init_data() { # NAME
  local name=$1 d=$RUN/$1 template=$CACHE/$1-template
  rm -rf "$d/data" "$d/data.new"
  exec 9>"$CACHE/.lock-$name-template"; take 9 "$template"
  if ! cmp -s "$template/.id" "$CACHE/$name/.id"; then
    say "initialising $name (once)"
    "init_$(daemon_of "$name")" "$name" >"$d/init.log" 2>&1 9>&- || { tail -n 5 "$d/init.log" >&2; die "$name could not be initialised ($d/init.log, $d/error.log)"; }
    rm -rf "$template"; rm -f "$d/data/auto.cnf" "$d/data/"*.pem   # each copy gets a server uuid and keys of its own
    cp -a --sparse=always "$d/data" "$template.new"; cp "$CACHE/$name/.id" "$template.new/.id"; mv -T "$template.new" "$template"
  else
    cp -a --sparse=always "$template" "$d/data.new"; rm "$d/data.new/.id"; mv -T "$d/data.new" "$d/data"
  fi
  exec 9>&-
}
init_mysqld() { program "$1" mysqld --defaults-file="$RUN/$1/my.cnf" --initialize-insecure --skip-log-bin; }
init_mariadbd() { # what mariadb-install-db does
  local s pre=mysql f; s=$(share_of "$1"); mkdir -p "$RUN/$1/data"
  [ ! -f "$s/mariadb_system_tables.sql" ] || pre=mariadb
  { printf '%s\n' "create database if not exists mysql;" "use mysql;" "SET @auth_root_socket=NULL;"
    for f in "${pre}_system_tables" "${pre}_performance_tables" "${pre}_system_tables_data" fill_help_tables maria_add_gis_sp_bootstrap "${pre}_sys_schema"; do cat "$s/$f.sql"; done
  } | program "$1" mariadbd --defaults-file="$RUN/$1/my.cnf" --bootstrap --skip-log-bin --log-warnings=0 --max_allowed_packet=8M
}
accounts() { # NAME : the SQL of a fresh data folder
  local name=$1 os sql; os=$(id -un 2>/dev/null) || os=$UID
  sql=$(cat <<SQL
ALTER USER root@localhost IDENTIFIED BY '@PW@';
CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY '@PW@';
GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;
CREATE DATABASE IF NOT EXISTS test;
SQL
    ! is_mariadb "$name" || echo "DELETE FROM mysql.global_priv WHERE user='' OR (user='root' AND host NOT IN ('localhost','%')); FLUSH PRIVILEGES;"
    cat "$HERE/auth_$name.sql"
    ! wants_addon "$name" || cat "$HERE/auth_${name}_testsuite.sql")
  sql=${sql//@PW@/"$PW"}; printf '%s\n' "${sql//@OSUSER@/"$os"}"
}

# ---------------------------------------------------------------- start and stop
free_port() { # in REPLY; below the range that outgoing connections take theirs from
  local i; for ((i = 0; i < 200; i++)); do
    REPLY=$((20000 + (RANDOM ^ BASHPID) % 12000)); port_is_free "$REPLY" && return 0; done
  die "no free port was found"; }
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start() { # NAME : false when it ended at once
  local name=$1 d=$RUN/$1 i COMMAND loader
  rm -f "$d/pid" "$d/ready" "$d/sock" "$d/sock.lock"   # of a killed server: we know that none lives
  [ ! -e "$d/error.log" ] || mv "$d/error.log" "$d/error.log.old"
  command_of "$name" "$(daemon_of "$name")"
  # a copy of the loader under the server's name, so that the process is listed under that name
  loader=$CACHE/$name/ld/$(daemon_of "$name")
  [ -e "$loader" ] || { mkdir -p "$CACHE/$name/ld"; cp "${COMMAND[0]}" "$loader.$BASHPID"; mv "$loader.$BASHPID" "$loader"; }
  COMMAND[0]=$loader
  detached "$d/pid" "$d/stdout.log" - "${COMMAND[@]}" --defaults-file="$d/my.cnf"
  local child=$!
  for ((i = 0; i < 2400; i++)); do
    if [ -S "$d/sock" ] && answers "$name"; then return 0; fi
    kill -0 "$child" 2>/dev/null || return 1
    sleep 0.05
  done
  stop "$name"; die "$name did not answer within two minutes ($d/error.log)"
}
# a refused login also shows a server that answers
answers() { local out; out=$(client "$1" -p"$PW" -e 'select 1' 2>&1) || [[ $out == *"ERROR 1045"* ]]; }

stop() { # NAME
  local d=$RUN/$1 i
  rm -f "$d/ready"
  if alive "$1"; then
    kill -TERM "$PID"
    for ((i = 0; i < 1200; i++)); do alive "$1" || break; sleep 0.05; done
    ! alive "$1" || { say "$1 (pid $PID) did not stop within a minute: killed"; kill -KILL "$PID"; sleep 1; }
  fi
  rm -f "$d/pid"
}

up_one() { # NAME : with the lock held
  local name=$1 d=$RUN/$1 id shape= fixed=MYWIRE_SERVERS_PORT_$1 port= try
  mkdir -p "$d"; read -r id <"$CACHE/$name/.id"; id="$id $HASH"; [ ! -f "$d/shape" ] || read -r shape <"$d/shape"
  if is_ready "$name"; then
    [ "$shape" = "$id" ] || die "$name runs in $RUN with other packages or settings: stop it first ($SELF down $name)"
    return 0
  fi
  stop "$name"   # what an interrupted `up` left
  # $d/shape is written last: a data folder without it, or with another, is made anew
  [ ! -f "$d/port" ] || read -r port <"$d/port"
  for ((try = 0; try < 5; try++)); do
    if [ -n "${!fixed:-}" ]; then port=${!fixed}; port_is_free "$port" || die "port $port for $name ($fixed) is taken"
    elif [ -z "$port" ] || ! port_is_free "$port"; then free_port; port=$REPLY; fi
    config "$name" "$port"
    [ "$shape" = "$id" ] && [ -d "$d/data/mysql" ] || { rm -f "$d/shape"; shape=; init_data "$name"; shape=$id; }
    if start "$name"; then
      [ -f "$d/shape" ] || {
        accounts "$name" >"$d/init.sql"
        client "$name" <"$d/init.sql" >"$d/init.out" 2>&1 || { tail -n 3 "$d/init.out" >&2; stop "$name"; die "the accounts of $name could not be created ($d/init.out)"; }
        echo "$id" >"$d/shape"; }
      echo "$port" >"$d/port"; wrapper "$name"; alive "$name"; echo "$PID" >"$d/ready"
      return 0
    fi
    # somebody took the port between our look and the server's bind
    grep -qsE 'ddress already in use|Bind on TCP/IP port' "$d/error.log" || break
    port=
  done
  grep -hsE '\[ERROR\]|^ERROR|fatal' "$d/error.log" "$d/stdout.log" | tail -n 3 >&2 || true; die "$name ended while starting ($d/error.log)"
}
wrapper() { # NAME : the package's client as one program
  local COMMAND c=$RUN/bin/$1-client; command_of "$1" "$(client_of "$1")"
  { echo '#!/bin/sh'; printf 'exec'; printf " '%s'" "${COMMAND[@]}"; printf ' --no-defaults'
    for REPLY in "$CACHE/$1"/usr/lib/*-linux-gnu*/libmariadb3/plugin; do [ ! -d "$REPLY" ] || printf " --plugin-dir='%s'" "$REPLY"; done
    echo ' "$@"'; } >"$c.new"; chmod +x "$c.new"; mv "$c.new" "$c"
}

# ---------------------------------------------------------------- commands
print_env() { # NAME... : simple lines, KEY='value', for a shell's eval and for any parser
  local n u port
  echo "SERVERS='$*'"
  for n in "$@"; do
    u=${n^^}; read -r port <"$RUN/$n/port"
    echo "${u}_URL='mysql://root:$PW@127.0.0.1:$port/test'"
    echo "${u}_PORT='$port'"
    echo "${u}_SOCKET='$RUN/$n/sock'"
    echo "${u}_CLIENT='$RUN/bin/$n-client'"
    echo "${u}_DATADIR='$RUN/$n/data'"
  done
  echo "CERTS='$RUN/certs'"
}
up() {
  local holder= n
  if [ "${1:-}" = --lease ]; then holder=${2:-}; [[ $holder =~ ^[0-9]+$ ]] || die "up --lease takes a process id"; shift 2; fi
  [ $# -gt 0 ] || set -- "${ALL[@]}"
  for n in "$@"; do suite_of "$n" >/dev/null; done
  for n in flock setsid sha256sum cmp; do command -v "$n" >/dev/null || cannot "$n, which the script for the test servers needs, is not on this machine"; done
  # background jobs ignore an interrupt: pass it on, as no one else will (servers under way belong to the watcher)
  trap 'trap - INT TERM; for n in $(jobs -p); do kill "$n" 2>/dev/null || true; done; exit 130' INT TERM
  lock
  if [ -n "$holder" ]; then lease "$holder"; else for n in "$@"; do mkdir -p "$RUN/$n"; : >"$RUN/$n/hold"; done; fi
  local making=
  if ! fresh "$RUN/certs"; then   # meanwhile the packages are fetched
    if command -v openssl >/dev/null; then certs & making=$!; else fetch_all openssl "$@"; certs; fi
  fi
  fetch_all "$@"
  [ -z "$making" ] || wait "$making" || exit 1
  each up_one "$@"
  print_env "$@"
}
are_up() { # NAME... : the ones that are up in UP
  local n; UP=(); for n in "$@"; do ! is_ready "$n" || UP+=("$n"); done; }
known() { local n; for n in "$@"; do suite_of "$n" >/dev/null; done; }

main() {
  local command=${1:-} n; [ $# -eq 0 ] || shift
  case $command in up|env|status|down|destroy|fetch|cli|run|watch) folders;; esac
  case $command in
    up) up "$@";;
    env) known "$@"; n=$#; [ $n -gt 0 ] || set -- "${ALL[@]}"; are_up "$@"
      [ "$n" -eq 0 ] || [ ${#UP[@]} -eq "$n" ] || die "not all of $* are up in $RUN"; print_env "${UP[@]}";;
    status) for n in "${ALL[@]}"; do if is_ready "$n"; then read -r REPLY <"$RUN/$n/port"; echo "$n up pid $PID port $REPLY"; else echo "$n down"; fi; done
      lease_alive && n=$(cd "$RUN/leases"; echo *) || n=none
      echo "leases (pid.start): $n"; echo "run folder: $RUN";;
    down) known "$@"; [ -d "$RUN" ] || exit 0; lock; [ $# -gt 0 ] || set -- mysql97 mariadb118 mariadb1011
      for n in "$@"; do rm -f "$RUN/$n/hold"; stop "$n" & done; wait;;
    destroy) [ -d "$RUN" ] || exit 0; lock; for n in mysql97 mariadb118 mariadb1011; do stop "$n" & done; wait; rm -rf "$RUN";;
    fetch) known "$@"; [ $# -gt 0 ] || set -- "${ALL[@]}"; fetch_all "$@";;
    cli) n=$1; shift; client "$n" -p"$PW" "$@";;
    run) program "$@";;
    watch) watch;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$SELF"; exit 2;;
  esac
}
# all in functions and one last line: an edit of this file cannot disturb a script that runs
main "$@"; exit
