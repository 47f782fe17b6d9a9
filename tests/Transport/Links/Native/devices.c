// NCCL and the CUDA driver in host memory, for tests of the code that calls them: the same functions and arguments, devices that are plain memory, copies that
// happen at once. A receive waits for the send, an abort ends the wait, as there.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct { char bytes[128]; } Id;
typedef struct Piece { struct Piece *next; size_t size; char data[]; } Piece;
typedef struct { Id id; int joined, aborted; Piece *queue[2]; } Pair;
typedef struct { Pair *pair; int rank; } Communicator;
typedef struct { int device; } Context;

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static Pair *pairs[256];
static int made, alive;
static Context contexts[8];
static __thread int depth;

static int width(int type) { return type <= 1 ? 1 : type == 6 || type == 9 ? 2 : type == 4 || type == 5 || type == 8 ? 8 : 4; }

int ncclGetVersion(int *version) { *version = 22703; return 0; }
const char *ncclGetErrorString(int result) { return result == 5 ? "invalid usage" : "internal error"; }
const char *ncclGetLastError(void *communicator) { return "told by the library\n"; }

int ncclGetUniqueId(Id *id) {
  pthread_mutex_lock(&gate);
  // Different from the last byte on: an id that is passed short is another one.
  memset(id, 7, sizeof *id);
  id->bytes[127] = (char)++made;
  id->bytes[126] = (char)(made >> 8);
  pthread_mutex_unlock(&gate);
  return 0;
}

int ncclCommInitRank(Communicator **communicator, int ranks, Id id, int rank) {
  if (ranks != 2 || rank < 0 || rank > 1 || depth == 0) return 5;
  pthread_mutex_lock(&gate);
  int i = 0;
  while (pairs[i] && memcmp(&pairs[i]->id, &id, sizeof id)) i++;
  if (!pairs[i]) { pairs[i] = calloc(1, sizeof(Pair)); pairs[i]->id = id; }
  Pair *pair = pairs[i];
  if (pair->joined & (1 << rank)) { pthread_mutex_unlock(&gate); return 5; }
  pair->joined |= 1 << rank;
  pthread_cond_broadcast(&news);
  while (pair->joined != 3) pthread_cond_wait(&news, &gate);
  *communicator = malloc(sizeof(Communicator));
  (*communicator)->pair = pair; (*communicator)->rank = rank;
  alive++;
  pthread_mutex_unlock(&gate);
  return 0;
}

int ncclGroupStart(void) { return 0; }
int ncclGroupEnd(void) { return 0; }

int ncclSend(const void *buffer, size_t count, int type, int peer, Communicator *c, void *stream) {
  if (peer != 1 - c->rank || !stream || depth == 0) return 5;
  size_t size = count * width(type);
  Piece *piece = malloc(sizeof(Piece) + size);
  piece->next = 0; piece->size = size; memcpy(piece->data, buffer, size);
  pthread_mutex_lock(&gate);
  Piece **end = &c->pair->queue[peer];
  while (*end) end = &(*end)->next;
  *end = piece;
  pthread_cond_broadcast(&news);
  pthread_mutex_unlock(&gate);
  return 0;
}

// What a stream still has to do: filled when it is waited for, as receives are under way until then.
typedef struct Pending { struct Pending *next; void *buffer; size_t size; Pair *pair; int rank; } Pending;
typedef struct { Pending *first; } Stream;

int ncclRecv(void *buffer, size_t count, int type, int peer, Communicator *c, Stream *stream) {
  if (peer != 1 - c->rank || !stream || depth == 0) return 5;
  Pending *p = malloc(sizeof *p);
  p->next = 0; p->buffer = buffer; p->size = count * width(type); p->pair = c->pair; p->rank = c->rank;
  Pending **end = &stream->first;
  while (*end) end = &(*end)->next;
  *end = p;
  return 0;
}

int ncclCommGetAsyncError(Communicator *c, int *result) { *result = 0; return 0; }

int ncclCommAbort(Communicator *c) {
  pthread_mutex_lock(&gate);
  c->pair->aborted = 1;
  alive--;
  pthread_cond_broadcast(&news);
  pthread_mutex_unlock(&gate);
  free(c);
  return 0;
}

int streamdiffTestAlive(void) { return alive; }

int cuInit(unsigned flags) { return 0; }
int cuGetErrorName(int error, const char **name) { *name = "CUDA_ERROR_TEST"; return 0; }
int cuDeviceGet(int *device, int ordinal) { if (ordinal >= 8) return 101; *device = ordinal; return 0; }
int cuDevicePrimaryCtxRetain(Context **context, int device) { *context = &contexts[device]; return 0; }
int cuCtxPushCurrent_v2(Context *context) { if (!context) return 201; depth++; return 0; }
int cuCtxPopCurrent_v2(Context **context) { depth--; return 0; }
int cuDeviceCanAccessPeer(int *possible, int device, int peer) { *possible = 1; return 0; }
int cuCtxEnablePeerAccess(Context *peer, unsigned flags) { return 0; }
int cuStreamCreate(Stream **stream, unsigned flags) { *stream = calloc(1, sizeof(Stream)); return depth == 0 ? 201 : 0; }
int cuStreamWaitEvent(Stream *stream, void *event, unsigned flags) { return 0; }
int cuStreamDestroy_v2(Stream *stream) { free(stream); return 0; }
int cuEventCreate(void **event, unsigned flags) { *event = malloc(1); return 0; }
int cuEventRecord(void *event, void *stream) { return stream ? 1 : 0; }
int cuEventDestroy_v2(void *event) { free(event); return 0; }
int cuMemAlloc_v2(void **address, size_t bytes) { *address = malloc(bytes); return 0; }
int cuMemFree_v2(void *address) { free(address); return 0; }
int cuMemsetD8_v2(void *address, unsigned char value, size_t bytes) { memset(address, value, bytes); return 0; }
int cuMemcpyDtoHAsync_v2(void *host, void *device, size_t bytes, void *stream) { memcpy(host, device, bytes); return 0; }
int cuMemcpyPeerAsync(void *to, Context *toContext, void *from, Context *fromContext, size_t bytes, void *stream) {
  if (toContext == fromContext) return 1;
  memcpy(to, from, bytes);
  return 0;
}

int cuStreamSynchronize(Stream *stream) {
  pthread_mutex_lock(&gate);
  while (stream->first) {
    Pending *p = stream->first;
    while (!p->pair->queue[p->rank] && !p->pair->aborted) pthread_cond_wait(&news, &gate);
    Piece *piece = p->pair->queue[p->rank];
    if (piece) {
      p->pair->queue[p->rank] = piece->next;
      if (piece->size != p->size) abort();
      memcpy(p->buffer, piece->data, p->size);
      free(piece);
    }
    stream->first = p->next;
    free(p);
  }
  pthread_mutex_unlock(&gate);
  return 0;
}
