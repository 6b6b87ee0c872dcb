/* base/limits.h: every bound of postrider, with its unit and reason.
 *
 * A limit that an owner may set is a field of struct limits (config table [limits]) and has its default here;
 * the others are constants. Over a limit: a clear protocol error, never truncation, never a crash.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <assert.h>
#include <stdint.h>

#define LIMIT_KB 1024u
#define LIMIT_MB (1024u * 1024u)

/* base */
#define LIMIT_ARENA_BLOCK 4096u         /* octets: one page, header included */
#define LIMIT_ERROR_SENTENCE 512u       /* octets of one error sentence, NUL included */
#define LIMIT_LOG_LINE (16u * LIMIT_KB) /* octets of one log line; longer values are cut and say so */
#define LIMIT_LOG_BACKLOG \
	LIMIT_MB /* octets waiting for the log's reader; past it lines are counted, not kept */
#define LIMIT_CONFIG_FILE LIMIT_MB         /* octets */
#define LIMIT_COMMAND_SAID 256u            /* octets kept of what a program says on standard error */
#define LIMIT_TOML_DEPTH 64u               /* nested arrays and inline tables */
#define LIMIT_CONFIG_LIST 256u             /* entries of one list in the configuration; listeners in all */
#define LIMIT_PATH_NAME 4096u              /* octets of a file's path, NUL included: PATH_MAX */
#define LIMIT_KEY_FILE (256u * LIMIT_KB)   /* octets of a certificate chain or a key */
#define LIMIT_CERTIFICATES (8u * LIMIT_MB) /* octets of all of them */

/* message syntax: what goes past these is kept and shown as octets, never refused (they only describe) */
#define LIMIT_HEADER_BLOCK (256u * LIMIT_KB) /* octets of one header block that are looked at */
#define LIMIT_HEADER_FIELD (64u * LIMIT_KB)  /* octets of one unfolded field body that are looked at */
#define LIMIT_SURROGATE_FIELD \
	(512u * LIMIT_KB) /* octets of a field that stands for one in UTF-8; over it the field is left out \
	                   */
#define LIMIT_DATE 256u   /* octets of a date that are looked at */
#define LIMIT_SUBJECT (4u * LIMIT_KB) /* octets of a subject that its base subject is made of */
#define LIMIT_REFERENCES 100u         /* message ids kept for threading: the oldest and the newest */
#define LIMIT_MIME_PARAMETERS 64u     /* parameters of one field that are described */
#define LIMIT_CHARSET_CONVERSIONS 8u  /* iconv descriptors one message may cost: each may load a module */
#define LIMIT_SUMMARY_ENVELOPE (32u * LIMIT_KB) /* octets of a summary that one header's fields may take */
#define LIMIT_SUMMARY_VALUE (4u * LIMIT_KB)     /* octets of one text in a summary, a subject for one */
#define LIMIT_PREVIEW_SOURCE LIMIT_KB           /* octets of stripped text that a preview is made of */
#define LIMIT_PREVIEW_LOOK (64u * LIMIT_KB)     /* octets of a part that are searched for such text */
#define LIMIT_MIME_DEPTH 32u                    /* nested multiparts and messages that are looked into */
#define LIMIT_MIME_PARTS 1000u                  /* parts of one message that are described */
#define LIMIT_HEADER_ADDRESSES 1000u            /* addresses of one header field that are described */
#define LIMIT_SUMMARY (64u * LIMIT_KB)          /* octets of one summary; typical is 1 KB */
#define LIMIT_PREVIEW 256u  /* octets of UTF-8; RFC 8970 §3.1 allows 200 characters, 256 octets advised */
#define LIMIT_BOUNDARY 200u /* octets; RFC 2046 §5.1.1 says 70, real mail has more */

/* addresses (RFC 5321 §4.5.3.1; SMTPUTF8 counts octets too) */
#define LIMIT_LOCAL_PART 64u
#define LIMIT_DOMAIN 255u
#define LIMIT_PATH \
	512u /* RFC 5321 §4.5.3.1.3 says 256 with punctuation; a quoted local part and UTF-8 may take more \
	      */

/* net */
#define LIMIT_LOOPS 64u
#define LIMIT_READ_BUFFER (64u * LIMIT_KB)    /* octets one read takes; one buffer a loop */
#define LIMIT_OUTPUT_WINDOW (256u * LIMIT_KB) /* octets of content in flight a connection */
#define LIMIT_OUTPUT_QUEUE (64u * LIMIT_KB)   /* octets of reply runs a connection may have waiting */
#define LIMIT_ACCEPT_BACKLOG 1024u            /* connections */
#define LIMIT_LISTENERS 64u                   /* addresses in [listen] */
#define LIMIT_WORK_QUEUE 1024u                /* jobs waiting in one work class */
#define LIMIT_BLOCK (16u * LIMIT_KB)          /* octets of one block of message content in memory */
#define LIMIT_SPARE_BLOCKS 128u               /* blocks a loop keeps for the next that asks: 2 MB */
#define LIMIT_OUTPUT_TURN LIMIT_MB            /* octets a connection may send before the others' turn */
#define LIMIT_ACCEPT_TURN 64u                 /* connections accepted before those there have their turn */
#define LIMIT_ACCEPT_PAUSE_MS 100u            /* without descriptors: pause before accepting again */
#define LIMIT_DIAL_LINE 8192u                 /* octets of one line that a command reads from a server */
#define LIMIT_CONNECT_MS 30000u               /* for a server to answer when we call */
#define LIMIT_CLOSE_MS 30000u                 /* for a peer to take what is queued when we close */
#define LIMIT_LINGER_MS 2000u                 /* for a peer to stop sending after that */
#define LIMIT_HANDSHAKE_TURN 4u               /* TLS handshakes a loop computes before the others' turn */
#define LIMIT_HANDSHAKE_MS 30000u             /* for a PROXY header, and again for a TLS handshake, in all */
#define LIMIT_SEALED (64u * LIMIT_KB)      /* octets under TLS a connection may have ready for the socket */
#define LIMIT_PROXY_HEADER (4u * LIMIT_KB) /* octets of a PROXY header with its extensions */
#define LIMIT_SNI_NAMES 10000u             /* names of all certificates together */
#define LIMIT_TICKET_KEY_S 43200u          /* a key seals session tickets for 12 hours */
#define LIMIT_TICKET_S 86400u              /* a ticket is taken for 24 hours after it was given */

/* store */
#define LIMIT_RECORD_CONTENT (256u * LIMIT_KB) /* octets; larger content is a file of its own */
#define LIMIT_SEGMENT (256u * LIMIT_MB)        /* octets of a segment before the next is begun */
#define LIMIT_PREFIX (4u * LIMIT_KB)           /* octets of one mailbox row's own header fields */
#define LIMIT_INTENT (8u * LIMIT_MB) /* octets: LIMIT_TARGETS rows with their prefixes and a reverse-path */
#define LIMIT_BATCH_OPS 1024u        /* operations of one commit batch */
#define LIMIT_BATCH_ROWS 1000u       /* rows that one divisible operation gives to a batch */
#define LIMIT_TARGETS 1000u          /* rows of one deliver, mailboxes' and the queue's: never split */
#define LIMIT_WAL_RESTART (64u * LIMIT_MB) /* octets: the committer pauses for one RESTART checkpoint */
#define LIMIT_WAL_PAUSE (104u * LIMIT_MB)  /* octets: batches wait for the checkpoint that is under way */
#define LIMIT_WAL_STOP (512u * LIMIT_MB)   /* octets: acceptance answers 451 until a reader lets go */
#define LIMIT_READ_ROWS 1000u              /* rows of one read transaction */
#define LIMIT_VERIFY_PROBLEMS 1000u        /* listed; the others are counted */

/* accounts and addresses */
#define LIMIT_ALIAS_TARGETS 1000u   /* of one alias */
#define LIMIT_ALIAS_DEPTH 10u       /* aliases in a chain; a longer one is a loop */
#define LIMIT_SUSPENDED_DAYS 5u     /* mail to a suspended account waits at its senders, then it is refused */
#define LIMIT_PASSWORD 1024u        /* octets */
#define LIMIT_DISPLAY_NAME 256u     /* octets of a person's name */
#define LIMIT_APP_NAME 32u          /* octets of an app's name */
#define LIMIT_APPS 100u             /* of one account */
#define LIMIT_APP_FROMS 100u        /* addresses one app may send from */
#define LIMIT_APP_RATE 1000000u     /* recipients in the period of an app's limit, or a route's */
#define LIMIT_ROUTES 1000u          /* of outbound mail */
#define LIMIT_ROUTE_HOSTS 32u       /* smarthosts of one route */
#define LIMIT_ROUTE_TEXT 1024u      /* octets of a route's user, or of its token command */
#define LIMIT_TOKEN (8u * LIMIT_KB) /* octets that such a command may print; real ones have up to 4 KB */
#define LIMIT_TOKEN_KEPT_MS INT64_C(300000) /* for which such a token is used without asking again */
#define LIMIT_TOKEN_MS 15000u               /* for such a command */

/* guessing of passwords (auth/guess.h) */
#define LIMIT_GUESS_NETWORK 60               /* wrong passwords a network may send at once */
#define LIMIT_GUESS_NETWORK_MS INT64_C(5000) /* until it may send one more */
#define LIMIT_GUESS_PAIR 10 /* the same for an account at a place where it logged in before */
#define LIMIT_GUESS_PAIR_MS INT64_C(30000)
#define LIMIT_GUESS_FREE 3 /* wrong passwords of an account before attempts are spaced */
#define LIMIT_GUESS_FIRST_DELAY_MS INT64_C(1000) /* between two attempts then, twice as long each time, */
#define LIMIT_GUESS_DELAY_MS INT64_C(16000)      /* up to this; a client gives up after 30 s */
#define LIMIT_GUESS_FORGET_MS INT64_C(600000)    /* until one wrong password of an account is forgotten */
#define LIMIT_GUESS_REMEMBERED 9                 /* wrong passwords of an account that are remembered */
#define LIMIT_GUESS_NETWORKS 8192u               /* slots of 24 octets; powers of two */
#define LIMIT_GUESS_ACCOUNTS 8192u
#define LIMIT_GUESS_PAIRS 32768u
#define LIMIT_GUESS_KEPT_MS INT64_C(7776000000)    /* that a pair is kept after its last login: 90 days */
#define LIMIT_GUESS_KEPT_STEP_MS INT64_C(86400000) /* in which one pair's login is noted once */
#define LIMIT_GUESS_SAVE_MS INT64_C(600000)        /* between two times that pairs are written */
#define LIMIT_GUESS_HASHES 100u /* passwords of strangers that wait to be hashed: some 6 s on one core */
#define LIMIT_VERIFIED 16384u   /* passwords known to be right (auth/verified.h), 40 octets each */
#define LIMIT_VERIFIED_MS INT64_C(600000)  /* after its last use until such a password is hashed again */
#define LIMIT_SASL_LINE 12288u             /* octets of a response with CRLF; RFC 4954 §4 */
#define LIMIT_SASL_ARENA (128u * LIMIT_KB) /* octets: one login elsewhere */
#define LIMIT_SCRAM_ROUNDS 2000000u        /* that a server may ask of us: 0.6 s of a core */

/* what is read and changed before the commit */
#define LIMIT_ORIGIN_ADDRESSES 100u /* that From and Sender of a submission may name */
#define LIMIT_AMEND_FIELD 1024u     /* octets of a field that are held back until its fate is settled */

/* sessions */
#define LIMIT_TURN_LINES 64u                    /* command lines of one connection before the others' turn */
#define LIMIT_COMMAND_ARENA (256u * LIMIT_KB)   /* octets: one command and its reply */
#define LIMIT_TRANSACTION_ARENA (4u * LIMIT_MB) /* octets: one SMTP transaction's envelope and intent */
#define LIMIT_SMTP_COMMAND_LINE 2048u /* octets with CRLF; RFC 5321 §4.5.3.1.4 says 512 plus extensions */
#define LIMIT_HOLD_S 2592000  /* that a message may be held for before it is sent: 30 days; RFC 4865 §3 */
#define LIMIT_BY_LEAST_S 60   /* in less nothing can be promised; RFC 2852 §3 */
#define LIMIT_SMTP_REPLY 512u /* octets of one reply line with CRLF; RFC 5321 §4.5.3.1.5 */
#define LIMIT_POP3_COMMAND_LINE 1024u /* octets with CRLF; RFC 2449 §4 says 255 */
#define LIMIT_POP3_REPLY 512u         /* octets of one reply line with CRLF; RFC 2449 §4 */
#define LIMIT_POP3_ERRORS 20u         /* lines that are no commands before the connection is closed */
#define LIMIT_POP3_AHEAD 64u /* messages opened before they are asked for, in a RETR of all in order */
#define LIMIT_READ_SLICE_MS \
	3u /* when a slice of WORK_READ begins nothing more: with its last block <= 5 ms */
#define LIMIT_SURROGATE_ARENA (4u * LIMIT_MB) /* octets a surrogate may need while it is made */
#define LIMIT_POP3_EVENT (2u * LIMIT_KB)      /* octets of the log line about one QUIT's deletions */
#define LIMIT_LOGIN_TRIES 3u                  /* wrong passwords in one connection */
#define LIMIT_SLICE_MS 8u /* when a slice of WORK_BULK begins nothing more: with its last page <= 10 ms */
#define LIMIT_MESSAGE_LINE LIMIT_MB /* octets of one line of a message; real mail has far over 1,000 */
#define LIMIT_SMTP_ERRORS 20u       /* 5xx replies to commands before 421 */
#define LIMIT_LOCAL_SESSIONS 64u    /* by run/submit.sock at once, of one login */
#define LIMIT_LOCAL_LOGINS 64u      /* that have such a session at once */
#define LIMIT_RECEIVED_FIELDS 100u  /* RFC 5321 §6.3 */
#define LIMIT_PASSED 5u             /* of these, by this server: no way that was meant leads here as often */
#define LIMIT_SENT_LINE 998u /* octets of a line without CRLF that every server takes; RFC 5322 §2.1.1 */
#define LIMIT_RECODE_ARENA (192u * LIMIT_KB) /* octets that re-coding a BINARYMIME message may need */
#define LIMIT_SEVEN_BIT_PARTS 65536u         /* headers of a message that may be made 7-bit, an octet each */
#define LIMIT_SEVEN_BIT_ARENA (768u * LIMIT_KB) /* octets that making it so may need */
#define LIMIT_SUMMARY_ARENA (128u * LIMIT_KB)   /* octets a summary may need while it is made */
#define LIMIT_MESSAGE_MEMORY (512u * LIMIT_KB)  /* octets that one message under way may hold */

/* outbound mail */

#define LIMIT_SRS_DAYS 21u                 /* that a rewritten reverse-path is good for */
#define LIMIT_REPLY (64u * LIMIT_KB)       /* octets of one reply of a server, all its lines */
#define LIMIT_REPLY_TEXT 2048u             /* octets of its text that are kept */
#define LIMIT_CLIENT_COMMAND 3072u         /* octets of one MAIL or RCPT of ours: paths, one as xtext */
#define LIMIT_CLIENT_WHY 192u              /* octets of the sentence why a conversation ended */
#define LIMIT_CLIENT_DOMAINS 16u           /* counted in one connection for RCPTDOMAINMAX (RFC 9422) */
#define LIMIT_CLIENT_QUIT_MS INT64_C(5000) /* for the answer to QUIT, which decides nothing */
#define LIMIT_ENVID 256u                   /* octets, decoded; RFC 3461 §4.4 says 100 */
#define LIMIT_ORCPT (LIMIT_PATH + 16u)     /* octets of a type and an address, decoded; RFC 3461 §4.2: 500 */
#define LIMIT_DSN (8u * LIMIT_MB)   /* octets of a notice without its original: LIMIT_TARGETS recipients */
#define LIMIT_DSN_ORIGINAL LIMIT_MB /* octets of an original that goes along whole */
#define LIMIT_NOTICE_ARENA \
	(64u * LIMIT_MB)       /* octets that making one may need; some 300 KB with few recipients */
#define LIMIT_DSN_SUBJECT 200u /* octets of the original's subject that stand in the notice's */
#define LIMIT_DSN_GROUPS 50u   /* replies that are told to people, each with all its recipients */
#define LIMIT_QUEUE_FRONT (4u * LIMIT_KB) /* octets of an intent before its rows */
#define LIMIT_NOTE_KEY 512u               /* octets of a note's key (store/note.h), */
#define LIMIT_NOTE_VALUE (4u * LIMIT_KB)  /* and of its value */
#define LIMIT_QUEUE_REPLY 512u            /* octets of the last reply that a row keeps */
#define LIMIT_QUEUE_READY 4000000u        /* recipients ready in memory; the others wait in the store */
#define LIMIT_TRANSACTION_RECIPIENTS 100u /* RFC 5321 §4.5.3.1.8: every server takes as many */
#define LIMIT_QUEUE_LIFETIME_MS INT64_C(432000000) /* until it is given up: 5 days; RFC 5321 §4.5.4.1 */
#define LIMIT_SITE_CONNECTIONS_FIRST 5u            /* to one site, before it was seen how that goes */
#define LIMIT_SITE_CONNECTIONS 20u                 /* to one site */
#define LIMIT_RETRY_FIRST_MS INT64_C(120000)       /* from the first failure to the second attempt */
#define LIMIT_RETRY_MOST_MS INT64_C(14400000)      /* between two attempts: 4 hours */
#define LIMIT_SITE_RETRY_FIRST_MS INT64_C(30000)
#define LIMIT_SITE_RETRY_MOST_MS INT64_C(1800000)
#define LIMIT_RESOLVING 256u                  /* destinations that are asked for at a time */
#define LIMIT_MX_HOSTS 32u                    /* of a domain that are looked at */
#define LIMIT_MX_ADDRESSES 32u                /* of a domain that are tried */
#define LIMIT_MX_ARENA (64u * LIMIT_KB)       /* octets: one domain being asked for */
#define LIMIT_SITE_NAME 448u                  /* octets: with a word before it a note's key */
#define LIMIT_FINDING_ARENA (128u * LIMIT_KB) /* octets: one destination whose site is looked for */
#define LIMIT_SPREAD_MS 60000u                /* in which what came due during a stop is tried */
#define LIMIT_DELAY_NOTICE_MS \
	INT64_C(14400000) /* until the sender hears of a delay: 4 hours (RFC 5321 §4.5.4.1) */
#define LIMIT_OUTBOUND_CONNECTIONS \
	1000u /* to other servers, in all; marketing has three quarters of them \
	       */
#define LIMIT_OUTBOUND_IDLE_MS INT64_C(2000) /* a connection waits for another message */
#define LIMIT_ROUTE_TTL_MIN_S 60u            /* for which an answer of the DNS is believed at least, */
#define LIMIT_ROUTE_TTL_MOST_S 3600u         /* and at most */
#define LIMIT_HOST_BAD_MS INT64_C(300000)    /* a host that failed is tried after the others */
#define LIMIT_TLS_BROKEN_MS \
	INT64_C(3600000) /* a host whose TLS failed is spoken to in the clear where that may be */
#define LIMIT_SHIPMENT_ARENA (2u * LIMIT_MB) /* octets: one transaction on its way out, with its notices */
#define LIMIT_SETTLING 64u /* transactions without a connection that are being settled at a time */

/* flight slots */
#define LIMIT_FLIGHT_SLOTS 128u        /* threads that may parse foreign octets at once */
#define LIMIT_FLIGHT_FINGERPRINT 4096u /* octets of a message that its fingerprint covers */
#define LIMIT_QUARANTINE 1000u         /* fingerprints remembered */

/* HTTP: the control socket now */
#define LIMIT_HTTP_HEAD (16u * LIMIT_KB)       /* octets of a request line and its header fields */
#define LIMIT_HTTP_BODY LIMIT_MB               /* octets of a request's content */
#define LIMIT_HTTP_IDLE_MS 60000               /* between octets of a request, and between requests */
#define LIMIT_CHECKED_FILE (64u * LIMIT_MB)    /* octets of a file that `check` reads */
#define LIMIT_COMMAND_MEMORY (256u * LIMIT_MB) /* octets: all of one command-line command */
#define LIMIT_ADMIN_ARENA (8u * LIMIT_MB)      /* octets: one management operation */
#define LIMIT_METRICS (64u * LIMIT_KB)         /* octets of all that is counted, as text */
#define LIMIT_ADMIN_ANSWER (64u * LIMIT_MB)    /* octets of one answer: some 400,000 accounts */

/* What [limits] may set; limits_default() has the values. Counts unless a unit stands at the end. */
struct limits {
	uint64_t message_size_octets;
	uint64_t messages_memory_octets; /* all messages under way together; over it they go to spool/ at once
	                                  */
	uint32_t recipients;             /* a transaction; RFC 5321 §4.5.3.1.8 asks for 100 at least */
	uint32_t connections;            /* in all */
	uint32_t connections_per_address;
	uint32_t connections_per_network; /* IPv6 /64 and IPv4 /24 */
	uint32_t transactions;            /* messages in one connection */
	uint32_t smtp_idle_s;             /* RFC 5321 §4.5.3.2.7: at least 5 minutes */
	uint32_t pop3_idle_s;             /* RFC 1939 §3: at least 10 minutes */
	uint64_t mailbox_views_octets;    /* all open views together */
	uint32_t event_days;              /* day files of events kept */
	uint32_t deleted_hours;           /* how long the content of deleted mail is kept for repair */
	uint64_t segment_octets;          /* of a segment before the next is begun */
};

static inline struct limits limits_default(void)
{
	return (struct limits){
		.message_size_octets = 50u * LIMIT_MB,
		.messages_memory_octets = 256u * LIMIT_MB,
		.recipients = 1000,
		.connections = 18000,
		.connections_per_address = 200,
		.connections_per_network = 1000,
		.transactions = 1000,
		.smtp_idle_s = 300,
		.pop3_idle_s = 600,
		.mailbox_views_octets = 512u * LIMIT_MB,
		.event_days = 90,
		.deleted_hours = 24,
		.segment_octets = LIMIT_SEGMENT,
	};
}

static_assert(LIMIT_SMTP_COMMAND_LINE >= LIMIT_PATH + 64, "a MAIL command holds the longest path");
/* Each extension says by how much: SIZE, BODY, SMTPUTF8, AUTH, RET and ENVID, HOLDUNTIL, BY, MT-PRIORITY. */
static_assert(LIMIT_SMTP_COMMAND_LINE >= 512 + 26 + 17 + 10 + 500 + 9 + 107 + 34 + 17 + 15,
              "and all its parameters");
/* NOTIFY and ORCPT: RFC 3461 §5.4 */
static_assert(LIMIT_SMTP_COMMAND_LINE >= 512 + 530, "a RCPT command holds its parameters");
static_assert(LIMIT_SASL_LINE / 4 * 3 >= 2 * LIMIT_PATH + LIMIT_PASSWORD + 2, "a PLAIN message fits a line");
static_assert(LIMIT_SASL_LINE < LIMIT_READ_BUFFER, "a line is cut from one read buffer");
static_assert(LIMIT_CLIENT_COMMAND >= LIMIT_PATH + 3 * LIMIT_ORCPT + 128, "a RCPT of ours holds its paths");
static_assert(LIMIT_CLIENT_COMMAND >= LIMIT_PATH + 3 * LIMIT_ENVID + 256,
              "a MAIL of ours holds its envelope id");
static_assert(LIMIT_TARGETS <= LIMIT_BATCH_ROWS, "a deliver is never split over batches");
static_assert(LIMIT_INTENT >= LIMIT_TARGETS * (LIMIT_PREFIX + 64),
              "an intent holds each target with its prefix");
static_assert(LIMIT_RECORD_CONTENT + LIMIT_INTENT + LIMIT_SUMMARY < LIMIT_SEGMENT, "a record fits a segment");
static_assert(2 * LIMIT_RECORD_CONTENT <= LIMIT_MESSAGE_MEMORY, "one half fills while the other is written");

#endif
