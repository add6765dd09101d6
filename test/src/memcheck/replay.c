/*
 * Makes the native calls again that record.ts has noted, as it is read from standard input, each buffer on the heap with
 * just its size. Under valgrind's memcheck a byte that a library reads or writes beside one is an error.
 *
 * Descriptors and paths are those of this program: /dev/zero is read, which fills whatever room there is, and a file that
 * has a name no more has the attributes and locks. Prints `LINE NAME` for each call in which memcheck saw an error. Exits
 * with 1 after one, and with 2 when a line is no call.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <valgrind/memcheck.h>

enum { MOST_ARGUMENTS = 16, MOST_PIECES = 1024, MOST_HANDLES = 1 << 20 };

struct argument {
  int64_t number;
  double real;
  void *address;
  /* What is freed after the call. */
  void *block;
};

static struct argument args[MOST_ARGUMENTS];
static struct iovec vector[MOST_PIECES];
static void *pieces[MOST_PIECES];
static int piece_count;
static void *handles[MOST_HANDLES];
static int zero, nameless;
static long line_number;

static void give_up(const char *why) {
  fprintf(stderr, "line %ld: %s\n", line_number, why);
  exit(2);
}

static void *room(size_t bytes) {
  void *block = malloc(bytes);
  if (!block) give_up("no memory");
  return block;
}

static int digit(char of) {
  return of <= '9' ? of - '0' : of - 'a' + 10;
}

static void *bytes_of(const char *digits) {
  size_t size = strlen(digits) / 2;
  uint8_t *block = room(size);
  for (size_t at = 0; at < size; at++)
    block[at] = (uint8_t)(digit(digits[2 * at]) << 4 | digit(digits[2 * at + 1]));
  return block;
}

/* A number alone in as many bytes as its type has. */
static void *cell(char *word) {
  size_t size = strtoul(word, &word, 10);
  uint64_t value = strtoull(word + 1, NULL, 10);
  return memcpy(room(size), &value, size);
}

static void **handle(const char *number) {
  long index = atol(number);
  if (index < 0 || index >= MOST_HANDLES) give_up("too many handles");
  return &handles[index];
}

static void read_vector(char *word) {
  for (piece_count = 0; *word; piece_count++) {
    if (piece_count == MOST_PIECES) give_up("too many pieces");
    size_t size = strtoul(word, &word, 10);
    int64_t offset = strtoll(word + 1, &word, 10);
    size_t bytes = strtoul(word + 1, &word, 10);
    pieces[piece_count] = room(size);
    vector[piece_count] = (struct iovec){(char *)pieces[piece_count] + offset, bytes};
    if (*word == ';') word++;
  }
}

static struct argument read_argument(char *word) {
  struct argument read = {0};
  switch (*word++) {
  case 'i': read.number = (int64_t)strtoll(word, NULL, 10); break;
  case 'd': read.real = strtod(word, NULL); break;
  case 'n': break;
  case 'b': read.address = read.block = bytes_of(word); break;
  case 'o': read.address = read.block = room(strtoul(word, NULL, 10)); break;
  case 'c': read.address = read.block = cell(word); break;
  case 'p': read.address = handle(word); break;
  case 'r': read.address = *handle(word); break;
  case 'v': read_vector(word); read.address = vector; break;
  default: give_up("no argument begins so");
  }
  return read;
}

/* A function of a library, by the file names that Holdfast loads them by (system-library.ts). */
static void *function(const char *name) {
  static const char *const libraries[][2] = {
      {"lerc_", "libLerc.so.4"},
      {"ZSTD_", "libzstd.so.1"},
      {"LZ4F_", "liblz4.so.1"},
      {"libdeflate_", "libdeflate.so.0"},
      {"lzma_", "liblzma.so.5"},
  };
  for (size_t at = 0; at < sizeof libraries / sizeof *libraries; at++) {
    if (strncmp(name, libraries[at][0], strlen(libraries[at][0])) != 0) continue;
    void *library = dlopen(libraries[at][1], RTLD_NOW);
    void *found = library ? dlsym(library, name) : NULL;
    if (found) return found;
  }
  give_up(name);
  return NULL;
}

#define A(index) (args[index].address)
#define N(index) (args[index].number)
#define U(index) ((unsigned)args[index].number)
#define I(index) ((int)args[index].number)
#define IS(text) (strcmp(name, text) == 0)
/* The function with parameters of these types. */
#define CALL(result, ...) ((result(*)(__VA_ARGS__))function(name))

typedef void *P;

/* A result that is an address goes where the last argument says. */
static void call_codec(const char *name, int count) {
  void **given = count > 0 ? A(count - 1) : NULL;
  if (IS("lerc_getBlobInfo")) CALL(unsigned, P, unsigned, P, P, int, int)(A(0), U(1), A(2), A(3), I(4), I(5));
  else if (IS("lerc_decode"))
    CALL(unsigned, P, unsigned, int, P, int, int, int, int, unsigned, P)
    (A(0), U(1), I(2), A(3), I(4), I(5), I(6), I(7), U(8), A(9));
  else if (IS("lerc_encodeForVersion"))
    CALL(unsigned, P, int, unsigned, int, int, int, int, int, P, double, P, unsigned, P)
    (A(0), I(1), U(2), I(3), I(4), I(5), I(6), I(7), A(8), args[9].real, A(10), U(11), A(12));
  else if (IS("ZSTD_createCCtx") || IS("ZSTD_createDCtx") || IS("libdeflate_alloc_decompressor"))
    *given = CALL(P, void)();
  else if (IS("libdeflate_alloc_compressor")) *given = CALL(P, int)(I(0));
  else if (IS("ZSTD_freeCCtx") || IS("ZSTD_freeDCtx") || IS("LZ4F_freeDecompressionContext") ||
           IS("libdeflate_free_compressor") || IS("libdeflate_free_decompressor"))
    CALL(size_t, P)(A(0));
  else if (IS("ZSTD_getFrameContentSize")) CALL(unsigned long long, P, size_t)(A(0), (size_t)N(1));
  else if (IS("ZSTD_compressCCtx"))
    CALL(size_t, P, P, size_t, P, size_t, int)(A(0), A(1), (size_t)N(2), A(3), (size_t)N(4), I(5));
  else if (IS("ZSTD_decompressDCtx"))
    CALL(size_t, P, P, size_t, P, size_t)(A(0), A(1), (size_t)N(2), A(3), (size_t)N(4));
  else if (IS("lzma_stream_buffer_decode"))
    CALL(int, P, uint32_t, P, P, P, size_t, P, P, size_t)
    (A(0), U(1), A(2), A(3), A(4), (size_t)N(5), A(6), A(7), (size_t)N(8));
  else if (IS("LZ4F_createDecompressionContext")) CALL(size_t, P, unsigned)(A(0), U(1));
  else if (IS("LZ4F_getFrameInfo")) CALL(size_t, P, P, P, P)(A(0), A(1), A(2), A(3));
  else if (IS("LZ4F_decompress")) CALL(size_t, P, P, P, P, P, P)(A(0), A(1), A(2), A(3), A(4), A(5));
  else if (IS("LZ4F_compressFrame"))
    CALL(size_t, P, size_t, P, size_t, P)(A(0), (size_t)N(1), A(2), (size_t)N(3), A(4));
  else if (IS("libdeflate_zlib_compress"))
    CALL(size_t, P, P, size_t, P, size_t)(A(0), A(1), (size_t)N(2), A(3), (size_t)N(4));
  else if (IS("libdeflate_zlib_decompress"))
    CALL(int, P, P, size_t, P, size_t, P)(A(0), A(1), (size_t)N(2), A(3), (size_t)N(4), A(5));
  else give_up("no such call");
}

/* False for a call of no library but libc's. What fails has still been given its buffers. */
static int call_libc(const char *name) {
  if (IS("statx")) statx(AT_FDCWD, "/", I(2), U(3), A(4));
  else if (IS("preadv")) preadv(zero, A(1), I(2), 0);
  else if (IS("flistxattr")) flistxattr(nameless, A(1), (size_t)N(2));
  else if (IS("fgetxattr")) fgetxattr(nameless, A(1), A(2), (size_t)N(3));
  else if (IS("fsetxattr")) fsetxattr(nameless, A(1), A(2), (size_t)N(3), I(4));
  else if (IS("fcntl")) {
    /* Memcheck does not look at the record of these. */
    (void)VALGRIND_CHECK_MEM_IS_DEFINED(A(2), sizeof(struct flock));
    fcntl(nameless, I(1), A(2));
  } else return 0;
  return 1;
}

/* Whether memcheck had nothing to say. */
static int replay(char *line) {
  char *name = strtok(line, " \n");
  unsigned before = VALGRIND_COUNT_ERRORS;
  int count = 0;
  piece_count = 0;
  if (!name) give_up("it is empty");
  for (char *word; (word = strtok(NULL, " \n")); count++) {
    if (count == MOST_ARGUMENTS) give_up("too many arguments");
    args[count] = read_argument(word);
  }
  if (!call_libc(name)) call_codec(name, count);
  int is_clean = VALGRIND_COUNT_ERRORS == before;
  /* Not by printf, whose buffer may be what was written to. */
  if (!is_clean) dprintf(STDOUT_FILENO, "%ld %s\n", line_number, name);
  for (int at = 0; at < count; at++) free(args[at].block);
  for (int at = 0; at < piece_count; at++) free(pieces[at]);
  memset(args, 0, sizeof args);
  return is_clean;
}

int main(void) {
  char path[] = "/tmp/holdfast-replay-XXXXXX";
  char *line = NULL;
  size_t size = 0;
  int is_clean = 1;
  if (!RUNNING_ON_VALGRIND) give_up("nobody watches: run it under valgrind");
  zero = open("/dev/zero", O_RDONLY);
  nameless = mkstemp(path);
  if (zero < 0 || nameless < 0 || unlink(path) != 0) give_up("no files to call with");
  while (getline(&line, &size, stdin) > 0) {
    line_number++;
    is_clean &= replay(line);
  }
  free(line);
  return is_clean ? 0 : 1;
}
