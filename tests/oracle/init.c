/*
 * The only program of the recording machine: it is started as PID 1, carries out /plan and stops the machine.
 *
 * A line of the plan is "OP<TAB>FLAGS<TAB>FILE<TAB>ARGUMENTS"; for rmmod and drop FILE is a module's name.
 * Everything is reported on the console, one fact a line, each with a mark in front:
 *   @step N      a step begins (so that a crash can be told apart from a refusal)
 *   @errno NAME  what the system call returned; OK for success
 *   @log L TEXT  a line of the kernel log with its level
 *   @letters X   the taint letters of the newest module, after a load that succeeded
 *   @tainted N   /proc/sys/kernel/tainted
 *   @end         all steps are done
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int console = 1, kmsg = -1;

static void say(const char *format, ...)
{
	char line[9000];
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	for (char *at = line; length > 0;) {
		ssize_t done = write(console, at, length);
		if (done <= 0)
			return;
		at += done;
		length -= done;
	}
}

static void put(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);

	if (file >= 0) {
		if (write(file, text, strlen(text)) < 0)
			say("@note cannot write %s", path);
		close(file);
	}
}

static ssize_t get(const char *path, char *text, size_t room)
{
	int file = open(path, O_RDONLY);
	ssize_t length = file < 0 ? -1 : read(file, text, room - 1);

	text[length < 0 ? 0 : length] = 0;
	if (file >= 0)
		close(file);
	return length;
}

/* One read of /dev/kmsg is one record: "PRIORITY,SEQUENCE,TIME,FLAGS;TEXT", then lines that begin with a blank. */
static void drain(int report)
{
	char record[8192];
	ssize_t length;

	for (;;) {
		length = read(kmsg, record, sizeof(record) - 1);
		if (length < 0 && errno == EPIPE)
			continue;
		if (length <= 0)
			return;
		record[length] = 0;
		char *text = strchr(record, ';');
		int priority = atoi(record);
		if (!report || !text || priority > 7)
			continue;
		text[1 + strcspn(text + 1, "\n")] = 0;
		say("@log %d %s", priority, text + 1);
	}
}

static void *slurp(const char *path, size_t *size)
{
	struct stat status;
	int file = open(path, O_RDONLY);

	if (file < 0 || fstat(file, &status))
		return NULL;
	*size = status.st_size;
	char *bytes = malloc(*size + 1);
	size_t done = 0;
	ssize_t more;
	while (done < *size && (more = read(file, bytes + done, *size - done)) > 0)
		done += more;
	close(file);
	return bytes;
}

static long load(const char *path, const char *arguments, int flags, int how)
{
	int file = open(path, how | O_CLOEXEC);

	if (file < 0)
		return -1;
	long result = syscall(SYS_finit_module, file, arguments, flags);
	int error = errno;
	close(file);
	errno = error;
	return result;
}

static long without_privilege(const char *path, const char *arguments)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (setuid(1000))
			_exit(255);
		_exit(load(path, arguments, 0, O_RDONLY) ? errno : 0);
	}
	waitpid(child, &status, 0);
	errno = WEXITSTATUS(status);
	return errno ? -1 : 0;
}

static long carry_out(const char *op, int flags, const char *path, const char *arguments)
{
	size_t size = 0;
	void *bytes;

	if (!strcmp(op, "insmod"))
		return load(path, arguments, flags, O_RDONLY);
	if (!strcmp(op, "insmod-init") || !strcmp(op, "insmod-short")) {
		bytes = slurp(path, &size);
		return syscall(SYS_init_module, bytes, strcmp(op, "insmod-init") ? (size_t)flags : size, arguments);
	}
	if (!strcmp(op, "rmmod") || !strcmp(op, "drop"))
		return syscall(SYS_delete_module, path, O_NONBLOCK);
	if (!strcmp(op, "insmod-nofile"))
		return syscall(SYS_finit_module, -1, "", 0);
	if (!strcmp(op, "insmod-writeonly"))
		return load(path, arguments, flags, O_WRONLY);
	if (!strcmp(op, "insmod-folder"))
		return load("/", "", flags, O_RDONLY);
	if (!strcmp(op, "insmod-badargs"))
		return load(path, (const char *)16, flags, O_RDONLY);
	if (!strcmp(op, "insmod-unprivileged"))
		return without_privilege(path, arguments);
	if (!strcmp(op, "disable-modules")) {
		put("/proc/sys/kernel/modules_disabled", "1");
		return 0;
	}
	errno = ENOSYS;
	return -1;
}

static void letters(void)
{
	char list[512], *open_bracket;

	get("/proc/modules", list, sizeof(list));
	list[strcspn(list, "\n")] = 0;
	open_bracket = strrchr(list, '(');
	say("@letters %.*s", open_bracket ? (int)strcspn(open_bracket + 1, ")") : 1, open_bracket ? open_bracket + 1 : "-");
}

int main(void)
{
	char line[4096], number[64];
	int loaded = 0, count = 0;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	prctl(PR_SET_NAME, "insmod");
	console = open("/dev/console", O_WRONLY);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	put("/proc/sys/kernel/printk", "1");
	put("/proc/sys/kernel/printk_ratelimit_burst", "1000000");
	sleep(3);
	drain(0);
	say("\n@begin");
	FILE *plan = fopen("/plan", "r");
	while (plan && fgets(line, sizeof(line), plan)) {
		char *rest = line;
		line[strcspn(line, "\n")] = 0;
		char *op = strsep(&rest, "\t"), *flags = strsep(&rest, "\t"), *path = strsep(&rest, "\t");
		if (!path || !rest)
			continue;
		say("@step %d", count++);
		int drop = !strcmp(op, "drop");
		if (drop && !loaded) {
			say("@errno SKIP");
			continue;
		}
		long result = carry_out(op, atoi(flags), path, rest);
		const char *name = result ? strerrorname_np(errno) : "OK";
		say("@errno %s", name ? name : "?");
		drain(1);
		loaded = !result && !strncmp(op, "insmod", 6);
		if (loaded)
			letters();
		get("/proc/sys/kernel/tainted", number, sizeof(number));
		say("@tainted %d", atoi(number));
	}
	say("@end");
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
