#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/utf8.h"

static const struct {
	const char *name, *meaning;
} events[] = {
#define LOG_EVENT(name, event, meaning) { event, meaning },
#include "base/log_events.def"
#undef LOG_EVENT
};

/* Two halves: one is filled while the thread writes the other. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_t thread;
	bool running, stopping, silent;
	char *half[2];
	size_t used;
	int filling;
	uint64_t dropped;
	size_t behind; /* file_write_behind */
} writer = { .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER };

enum { VALUE_MAX = 4096, GATHER_MS = 5 };

const char *log_event_name(enum log_event event) { return events[event].name; }

const char *log_event_meaning(enum log_event event) { return events[event].meaning; }

static void add_escaped(struct buf *out, char c)
{
	static const char digits[] = "0123456789abcdef";
	char u[6] = { '\\', 'u', '0', '0', digits[(unsigned char)c >> 4], digits[c & 15] };

	switch (c) {
	case '"':
		buf_add(out, STR("\\\""));
		break;
	case '\\':
		buf_add(out, STR("\\\\"));
		break;
	case '\n':
		buf_add(out, STR("\\n"));
		break;
	case '\r':
		buf_add(out, STR("\\r"));
		break;
	case '\t':
		buf_add(out, STR("\\t"));
		break;
	default:
		buf_add(out, (str){ u, sizeof u });
	}
}

void log_add_json_string(struct buf *out, str s)
{
	size_t plain = 0;

	buf_add_char(out, '"');
	for (size_t i = 0; i < s.len;) {
		unsigned char c = (unsigned char)s.ptr[i];
		size_t n = c >= 0x20 && c < 0x7f && c != '"' && c != '\\' ? 1 : 0;
		if (!n && c >= 0x80)
			n = utf8_length(str_from(s, i));
		if (n) {
			i += n;
			continue;
		}
		buf_add(out, str_slice(s, plain, i));
		if (c >= 0x80)
			buf_add(out, STR("\xef\xbf\xbd"));
		else
			add_escaped(out, s.ptr[i]);
		plain = ++i;
	}
	buf_add(out, str_slice(s, plain, s.len));
	buf_add_char(out, '"');
}

static void add_field(struct buf *out, const struct log_field *f)
{
	buf_add(out, STR(",\""));
	buf_add(out, str_of(f->name));
	buf_add(out, STR("\":"));
	switch (f->kind) {
	case LOG_FIELD_STR:
		if (f->text.len > VALUE_MAX)
			log_add_json_string(out, str_slice(f->text, 0, VALUE_MAX));
		else
			log_add_json_string(out, f->text);
		break;
	case LOG_FIELD_INT:
		buf_add_i64(out, f->number);
		break;
	case LOG_FIELD_JSON:
		buf_add(out, f->text);
		break;
	}
}

void log_format(struct buf *out, int64_t time_ms, enum log_event event, const struct log_field *fields)
{
	char text[LIMIT_LOG_LINE];
	struct buf line;

	buf_init_fixed(&line, text, sizeof text - sizeof ",\"cut\":true}\n");
	buf_add(&line, STR("{\"time\":\""));
	clock_add_rfc3339(&line, time_ms);
	buf_add(&line, STR("\",\"event\":\""));
	buf_add(&line, str_of(events[event].name));
	buf_add_char(&line, '"');
	bool cut = false;
	for (const struct log_field *f = fields; f->name; f++) {
		size_t before = line.len;
		add_field(&line, f);
		if (line.failed !=
		    ERR_OK) { /* this field does not fit: the line goes without it and says so */
			line.failed = ERR_OK;
			line.len = before;
			cut = true;
		}
	}
	line.max = line.room = sizeof text;
	buf_add(&line, cut ? STR(",\"cut\":true}\n") : STR("}\n"));
	buf_add(out, buf_str(&line));
}

static void write_all(const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(STDERR_FILENO, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return; /* nobody reads: there is no place left to say so */
		file_write_behind(STDERR_FILENO, &writer.behind, (size_t)w);
		p += w;
		n -= (size_t)w;
	}
}

void log_silence(void) { writer.silent = true; }

void log_write_line(str line)
{
	pthread_mutex_lock(&writer.lock);
	if (!writer.running) {
		bool silent = writer.silent;
		pthread_mutex_unlock(&writer.lock);
		if (!silent)
			write_all(line.ptr, line.len);
		return;
	}
	if (line.len > LIMIT_LOG_BACKLOG - writer.used) {
		writer.dropped++;
	} else {
		memcpy(writer.half[writer.filling] + writer.used, line.ptr, line.len);
		if (writer.used == 0)
			pthread_cond_signal(&writer.filled);
		writer.used += line.len;
	}
	pthread_mutex_unlock(&writer.lock);
}

void log_write(enum log_event event, const struct log_field *fields)
{
	char text[LIMIT_LOG_LINE];
	struct buf line;

	buf_init_fixed(&line, text, sizeof text);
	log_format(&line, clock_now(), event, fields);
	log_write_line(buf_str(&line));
}

static void *writer_run(void *unused)
{
	const struct timespec gather = { .tv_nsec = GATHER_MS * 1000000L };

	(void)unused;
	pthread_setname_np(pthread_self(), "log");
	pthread_mutex_lock(&writer.lock);
	while (!writer.stopping || writer.used) {
		if (writer.used == 0) {
			pthread_cond_wait(&writer.filled, &writer.lock);
			if (!writer.stopping) { /* what comes within a few ms goes out in one write */
				pthread_mutex_unlock(&writer.lock);
				nanosleep(&gather, NULL);
				pthread_mutex_lock(&writer.lock);
			}
			continue;
		}
		const char *full = writer.half[writer.filling];
		size_t used = writer.used;
		uint64_t dropped = writer.dropped;
		writer.filling ^= 1;
		writer.used = 0;
		writer.dropped = 0;
		pthread_mutex_unlock(&writer.lock);
		write_all(full, used);
		if (dropped)
			log_event(EV_LOG_DROPPED, LOG_INT("count", dropped));
		pthread_mutex_lock(&writer.lock);
	}
	pthread_mutex_unlock(&writer.lock);
	return NULL;
}

err log_start_writer(void)
{
	for (int i = 0; i < 2; i++)
		if (!writer.half[i] && !(writer.half[i] = malloc(LIMIT_LOG_BACKLOG)))
			return ERR_NO_MEMORY;
	writer.stopping = false;
	writer.running = true;
	int failed = pthread_create(&writer.thread, NULL, writer_run, NULL);
	if (failed) {
		writer.running = false;
		return err_errno(NULL, failed, "starting the log's thread");
	}
	return OK;
}

void log_stop_writer(void)
{
	pthread_mutex_lock(&writer.lock);
	if (!writer.running) {
		pthread_mutex_unlock(&writer.lock);
		return;
	}
	writer.stopping = true;
	pthread_cond_signal(&writer.filled);
	pthread_mutex_unlock(&writer.lock);
	pthread_join(writer.thread, NULL);
	pthread_mutex_lock(&writer.lock);
	writer.running = false;
	pthread_mutex_unlock(&writer.lock);
	for (int i = 0; i < 2; i++) {
		free(writer.half[i]);
		writer.half[i] = NULL;
	}
}
