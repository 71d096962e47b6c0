/**
 * Every limit of the wire, enforced by the receiver. Generous: they stop abuse and accidents, not
 * work. Sizes are in bytes.
 */

/** A value up to this size rides along in control messages; a bigger one moves peer to peer. */
export const INLINE_BYTES_MAX = 32 * 1024;

/** One control batch. Senders start a new batch at a quarter of it. */
export const BATCH_BYTES_MAX = 16 * 2 ** 20;
export const BATCH_BYTES_TARGET = BATCH_BYTES_MAX / 4;
export const BATCH_MESSAGES_MAX = 65_536;

/** One message of a transport: a batch, or a frame with one chunk. Bounds what reassembly holds. */
export const MESSAGE_BYTES_MAX = BATCH_BYTES_MAX + 2 ** 20;

/** A function's source. Larger programs travel as packages. */
export const SOURCE_CHARS_MAX = 512 * 1024;

/** One stored object: what a single ArrayBuffer can hold in every engine we run on. */
export const OBJECT_BYTES_MAX = 2 ** 31 - 2 ** 16;

/** One uploaded package. */
export const PACKAGE_BYTES_MAX = 32 * 2 ** 20;

/** One message of a data channel: the size that every WebRTC stack accepts. */
export const RTC_MESSAGE_BYTES = 64 * 1024;
/**
 * Chunk of an object on a data channel, and elsewhere. With its frame's header it fits into one
 * message: one that is cut in two costs a tenth of the throughput.
 */
export const RTC_CHUNK_BYTES = RTC_MESSAGE_BYTES - 1024;
export const SOCKET_CHUNK_BYTES = 1024 * 1024;

/** What an object is divided into when it comes from several peers, or is passed on while it comes. */
export const PIECE_BYTES = 2 ** 20;
export const PIECES_MAX = Math.ceil(OBJECT_BYTES_MAX / PIECE_BYTES);
/** Of each piece, half a SHA-256: enough where somebody else's hash has to be hit. */
export const PIECE_DIGEST_BYTES = 16;
/** Peers that one answer refers to. */
export const ELSEWHERE_MAX = 8;
/** How urgent a fetch can be: 0 somebody waits for the value, 1 a task needs it, 2 it is to be kept. */
export const FETCH_PRIORITY_MAX = 2;

/** Bytes queued in one transport before `send` stops resolving, and where it resumes. */
export const HIGH_WATER_BYTES = 1024 * 1024;
export const LOW_WATER_BYTES = HIGH_WATER_BYTES / 2;

/** The same for WebSockets and data channels, where a window must cover the round trip: 4 MiB carry
 *  80 MB/s at 50 ms. */
export const SOCKET_WINDOW_BYTES = 4 * 2 ** 20;

/** Unacknowledged bytes of one relayed link: what the coordinator may have to hold for it. */
export const RELAY_WINDOW_BYTES = 1024 * 1024;
/** A relayed message travels in pieces, so that one link cannot hog the control connection. */
export const RELAY_PIECE_BYTES = 256 * 1024;

/** Jobs whose code shares one executor, as far as what it makes is said to be theirs. */
export const JOBS_PER_EXECUTOR_MAX = 64;

/** Restarts and retries without end travel as this, because JSON has no infinity. */
export const UNLIMITED = -1;

export const REFS_PER_MESSAGE_MAX = 16_384;
export const ERROR_TEXT_CHARS_MAX = 8_192;
export const ERROR_NAME_CHARS_MAX = 256;
export const DETAILS_MAX = 32;
export const DETAIL_KEY_CHARS_MAX = 64;
export const DETAIL_CHARS_MAX = 1_024;
export const STACK_CHARS_MAX = 16_384;
/** What user code threw, if there is more to it than a name, a message and a stack. */
export const THROWN_BYTES_MAX = 16 * 1024;

/** What every id is made of. Here, because executors check ids without the compiler of schemas. */
export const ID_PATTERN = "^[A-Za-z0-9_-]+(\\.[a-z0-9]+)?$";
export const ID_CHARS_MAX = 64;

/** Kept copies of one object that can be asked for. */
export const REPLICAS_MAX = 16;

/** Unread items that a stream may be asked to be ahead by, and results that a task may be asked to split. */
export const AHEAD_MAX = 65_536;
export const RETURNS_MAX = 1_024;

/** One label selector: `in(...)` may list many values. */
export const SELECTOR_CHARS_MAX = 1_024;
/** Bundles of one placement group. */
export const BUNDLES_MAX = 256;
/** Alternatives for a label selector that nobody with room has. */
export const FALLBACKS_MAX = 8;

/** Attempts that a worker is asked with one message to return. */
/** So long may a worker that is to leave go on with what it runs. */
export const DRAIN_MS_MAX = 86_400_000;
export const RECALLED_MAX = 256;

/** Of a job. Anyone who may submit chooses, so the range is such that nobody is shut out. */
export const WEIGHT_MIN = 0.1;
export const WEIGHT_MAX = 10;
