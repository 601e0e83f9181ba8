/*
 * Exports that are, or are not, thin wrappers: of GPL-only functions (gpl_...), of functions exported to nobody (hidden_...).
 *
 * What is expected stands above each in lines `//@ FAMILY EXPORT CODE SYMBOLS [PATH]`; build.sh makes shapes.expected from them.
 * CODE: L launders-gpl-only, E exposes-unexported, - none. SYMBOLS: what it reaches anyway where the code is none.
 * PATH: the functions between, joined by `>`; `*` for whatever there is between, where compilers or architectures differ; `-` or
 * nothing where the export itself calls. With more than one symbol: one path for all, or one for each, with commas.
 */
#include "module.h"

MODULE("shapes");

struct ring { struct ring *next, *prev; };
struct device {
    int id;
    u32 flags;
    u64 base, size;
    struct ring ring;
    struct mutex mutex;
    struct spinlock lock;
    struct device *parent;
    void *driver_data;
    const char *name;
};
struct request { u64 start, length; u32 flags, type; void *owner; };

static struct mutex the_mutex;
static struct spinlock the_lock;
static struct ring the_ring;

/* Functions for GPL modules only. */
void gpl_sync(void);
void gpl_flush(struct device *);
void gpl_kick(struct device *, int);
void gpl_ring_add(struct ring *, struct ring *);
void gpl_trace(const char *, u64);
void gpl_release(void *);
int gpl_start(struct device *);
int gpl_stop(struct device *);
int gpl_suspend(struct device *, int);
int gpl_state(void);
int gpl_mask(int, int);
int gpl_map(struct device *, u64, u64);
int gpl_map_flags(struct device *, u64, u64, u32);
int gpl_request(struct request *);
int gpl_configure(struct device *, u64, u64, u32, u32, void *);
int gpl_tune(int);
int gpl_power(int);
int gpl_reset(int, int, int);
int gpl_fault(int);
int gpl_poll(void *, u64);
int gpl_error_report(int);
int gpl_write(void *, u64, int);
int gpl_read(void *, u64, int);
bool gpl_ready(struct device *);
bool gpl_capable(int, int);
bool gpl_idle(void);
u64 gpl_clock(void);
u64 gpl_counter(int);
u64 gpl_eight(u64, u64, u64, u64, u64, u64, u64, u64);
u64 gpl_seven(u64, u64, u64, u64, u64, u64, u64);
u64 gpl_hash(u64, u64);
void *gpl_alloc(u64, u32);
void *gpl_find(int);
void *gpl_lookup(struct device *, const char *);
struct device *gpl_parent(struct device *);
cold int gpl_oops(struct device *, int);

/* Functions for every module. */
void plain_log(const char *);
int plain_register(const void *);
int plain_unregister(const void *);
int plain_start(struct device *);
int plain_stop(struct device *);
int plain_count(void);
u64 plain_time(void);
void *plain_alloc(u64, u32);
void plain_free(void *);
extern struct key plain_key;

/* Functions for nobody outside the kernel. */
void hidden_sync(void);
void hidden_walk(struct ring *);
int hidden_fork(u64);
int hidden_exec(const char *, void *);
int hidden_fault(struct device *, u64, u32);
int hidden_mount(void *, int);
bool hidden_allowed(int);
u64 hidden_clock(void);
void *hidden_page(u64);
cold int hidden_panic(int);

/* 01: calls and returns. Something is left to do after the call. */

//@ 01-direct direct_add L gpl_tune
int direct_add(int level) { return gpl_tune(level) + 4; }
PLAIN(direct_add);

//@ 01-direct direct_bool L gpl_start
bool direct_bool(struct device *device) { return gpl_start(device) == 0; }
PLAIN(direct_bool);

//@ 01-direct direct_negated L gpl_ready
bool direct_negated(struct device *device) { return !gpl_ready(device); }
PLAIN(direct_negated);

//@ 01-direct direct_ignored L gpl_mask
int direct_ignored(int low, int high) { gpl_mask(low, high); return 0; }
PLAIN(direct_ignored);

//@ 01-direct direct_field_of_result L gpl_find
void *direct_field_of_result(struct device *device)
{
    struct device *found = gpl_find(device->id);
    return found ? found->driver_data : NULL;
}
PLAIN(direct_field_of_result);

//@ 01-direct direct_null_check L gpl_map
int direct_null_check(struct device *device, u64 at)
{
    if (!device)
        return -22;
    return gpl_map(device->parent, at, 4096) < 0 ? -5 : 1;
}
PLAIN(direct_null_check);

//@ 01-direct direct_eight L gpl_eight
u64 direct_eight(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g, u64 h) { return gpl_eight(a, b, c, d, e, f, g, h) >> 12; }
PLAIN(direct_eight);

//@ 01-direct direct_reversed L gpl_eight
u64 direct_reversed(u64 a, u64 b, u64 c, u64 d) { return gpl_eight(d, c, b, a, 0, 1, 2, 3) + 1; }
PLAIN(direct_reversed);

//@ 01-direct direct_seven L gpl_seven
u64 direct_seven(u64 a, u64 b, u64 c) { return gpl_seven(c, b, a, 0, 0, 0, 4096) - 1; }
PLAIN(direct_seven);

//@ 01-direct direct_no_arguments L gpl_clock
u64 direct_no_arguments(void) { return gpl_clock() * 1000; }
PLAIN(direct_no_arguments);

//@ 01-direct direct_out L gpl_counter
int direct_out(int index, u64 *out) { *out = gpl_counter(index); return 0; }
PLAIN(direct_out);

//@ 01-direct direct_widened L gpl_state
long direct_widened(void) { return gpl_state(); }
PLAIN(direct_widened);

//@ 01-direct direct_dropped L gpl_poll
bool direct_dropped(int unused_first, void *where, int unused_third, u64 how) { return gpl_poll(where, how) > 0; }
PLAIN(direct_dropped);

//@ 01-direct direct_stack L gpl_request
int direct_stack(u64 start, u64 end, u32 flags)
{
    struct request request = { start, end - start, flags, 7, NULL };
    return gpl_request(&request);
}
PLAIN(direct_stack);

//@ 01-direct direct_stack_buffer L gpl_lookup
void *direct_stack_buffer(struct device *device, char letter)
{
    char name[16] = { 'd', 'e', 'v', letter, 0 };
    return gpl_lookup(device, name);
}
PLAIN(direct_stack_buffer);

//@ 01-direct direct_two L gpl_stop,gpl_release
void direct_two(struct device *device)
{
    gpl_stop(device);
    gpl_release(device->driver_data);
    device->driver_data = NULL;
}
PLAIN(direct_two);

//@ 01-direct direct_error_pointer L gpl_alloc
long direct_error_pointer(void **out, u64 size)
{
    void *memory = gpl_alloc(size, 0xcc0);
    if ((u64)memory >= (u64)-4095)
        return (long)memory;
    *out = memory;
    return 0;
}
PLAIN(direct_error_pointer);

/* 02: tail calls. */

//@ 02-tail tail_void L gpl_sync
void tail_void(void) { gpl_sync(); }
PLAIN(tail_void);

//@ 02-tail tail_pass L gpl_flush
void tail_pass(struct device *device) { gpl_flush(device); }
PLAIN(tail_pass);

//@ 02-tail tail_constant L gpl_kick
void tail_constant(struct device *device) { gpl_kick(device, 3); }
PLAIN(tail_constant);

//@ 02-tail tail_reordered L gpl_mask
int tail_reordered(int high, int low) { return gpl_mask(low, high); }
PLAIN(tail_reordered);

//@ 02-tail tail_field L gpl_power
int tail_field(struct device *device) { return gpl_power(device->id); }
PLAIN(tail_field);

//@ 02-tail tail_field_address L gpl_ring_add
void tail_field_address(struct device *device, struct device *to) { gpl_ring_add(&device->ring, &to->ring); }
PLAIN(tail_field_address);

//@ 02-tail tail_null_check L gpl_start
int tail_null_check(struct device *device) { return device ? gpl_start(device) : -19; }
PLAIN(tail_null_check);

//@ 02-tail tail_eight L gpl_eight
u64 tail_eight(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g, u64 h) { return gpl_eight(a, b, c, d, e, f, g, h); }
PLAIN(tail_eight);

//@ 02-tail tail_pointer L gpl_parent
struct device *tail_pointer(struct device *device) { return gpl_parent(device->parent); }
PLAIN(tail_pointer);

//@ 02-tail tail_bool L gpl_capable
bool tail_bool(int which) { return gpl_capable(-1, which); }
PLAIN(tail_bool);

//@ 02-tail tail_u64 L gpl_hash
u64 tail_u64(u64 seed) { return gpl_hash(seed >> 3, seed & 7); }
PLAIN(tail_u64);

//@ 02-tail tail_either L gpl_stop,gpl_suspend
int tail_either(struct device *device, bool forever) { return forever ? gpl_stop(device) : gpl_suspend(device, 0); }
PLAIN(tail_either);

//@ 02-tail tail_dropped L gpl_trace
void tail_dropped(int unused_level, const char *text, void *unused_where) { gpl_trace(text, 0); }
PLAIN(tail_dropped);

//@ 02-tail notrace_tail L gpl_idle
notrace bool notrace_tail(void) { return gpl_idle(); }
PLAIN(notrace_tail);

/* 03: through static helpers. */

static helper int start_parent(struct device *device) { return gpl_start(device->parent) + device->id; }
//@ 03-helper helper_one L gpl_start start_parent
int helper_one(struct device *device) { return start_parent(device) | 1; }
PLAIN(helper_one);
//@ 03-helper helper_shared L gpl_start start_parent
bool helper_shared(struct device *device, int unused_flags) { return start_parent(device) >= 0; }
PLAIN(helper_shared);

static helper void flush_ring(struct device *device, int count) { gpl_kick(device, count + 1); device->flags = 0; }
//@ 03-helper helper_void L gpl_kick flush_ring
void helper_void(struct device *device, int count) { flush_ring(device->parent, count); }
PLAIN(helper_void);

static helper u64 hash_inner(u64 a, u64 b) { return gpl_hash(a, b) ^ a; }
static helper u64 hash_outer(u64 a) { return hash_inner(a, a >> 32) + a; }
//@ 03-helper helper_two_deep L gpl_hash hash_outer>hash_inner
u64 helper_two_deep(u64 value) { return hash_outer(value) * 2; }
PLAIN(helper_two_deep);

static helper int map_third(struct device *device, u64 at) { return gpl_map(device, at, device->size); }
static helper int map_second(struct device *device, u64 at) { return map_third(device->parent, at); }
static helper int map_first(struct device *device, u64 at) { return map_second(device, at + device->base); }
//@ 03-helper helper_three_deep L gpl_map map_first>map_second>map_third
int helper_three_deep(struct device *device, u64 at) { return map_first(device, at); }
PLAIN(helper_three_deep);

static helper int configure_checked(struct device *device, u64 start, u64 end, u32 flags, void *data)
{
    if (!device)
        return -22;
    return gpl_configure(device, start, end - start, flags, device->flags, data);
}
//@ 03-helper helper_checked L gpl_configure configure_checked
int helper_checked(struct device *device, u64 start, u64 end, u32 flags, void *data)
{
    return configure_checked(device, start, end, flags, data);
}
PLAIN(helper_checked);

static helper void *find_data(int id)
{
    struct device *found = gpl_find(id);
    return found ? found->driver_data : NULL;
}
//@ 03-helper helper_pointer L gpl_find find_data
void *helper_pointer(const struct request *request) { return find_data((int)request->type); }
PLAIN(helper_pointer);

static helper bool is_ready(struct device *device) { return device && gpl_ready(device); }
//@ 03-helper helper_bool L gpl_ready is_ready
bool helper_bool(struct device *device) { return !is_ready(device); }
PLAIN(helper_bool);

static helper int stop_it(struct device *device) { return gpl_stop(device) + (int)device->flags; }
static helper int stop_parent(struct device *device) { gpl_flush(device); return stop_it(device->parent); }
//@ 03-helper helper_two_symbols L gpl_flush,gpl_stop stop_parent,stop_parent>stop_it
int helper_two_symbols(struct device *device) { return stop_parent(device); }
PLAIN(helper_two_symbols);

//@ 03-helper helper_global L gpl_counter count_events
helper u64 count_events(int cpu) { return gpl_counter(cpu + 1); }
u64 helper_global(struct device *device) { return count_events(device->id) >> 1; }
PLAIN(helper_global);

/* 04: behind jump labels. */

static struct key off_key, on_key = { 1, NULL };

//@ 04-jump-label label_out_of_line L gpl_trace
void label_out_of_line(const char *text, u64 value)
{
    if (rarely_off(&off_key))
        gpl_trace(text, value);
}
PLAIN(label_out_of_line);

//@ 04-jump-label label_out_of_line_result L gpl_power
int label_out_of_line_result(int state)
{
    if (rarely_off(&off_key))
        return gpl_power(state) + 1;
    return -38;
}
PLAIN(label_out_of_line_result);

//@ 04-jump-label label_out_of_line_bool L gpl_capable
bool label_out_of_line_bool(int what)
{
    return rarely_off(&off_key) && !gpl_capable(what, 12);
}
PLAIN(label_out_of_line_bool);

//@ 04-jump-label label_out_of_line_jump L gpl_tune
int label_out_of_line_jump(int level)
{
    if (rarely_on(&on_key))
        return gpl_tune(level - 1);
    return level;
}
PLAIN(label_out_of_line_jump);

//@ 04-jump-label label_likely L gpl_reset
int label_likely(int bus, int slot)
{
    if (mostly_on(&on_key))
        return gpl_reset(bus, slot, 0);
    return -19;
}
PLAIN(label_likely);

//@ 04-jump-label label_likely_call L gpl_clock
u64 label_likely_call(u64 *offset)
{
    if (mostly_on(&on_key))
        return gpl_clock() + *offset;
    return 0;
}
PLAIN(label_likely_call);

//@ 04-jump-label label_jumped_over L gpl_poll
int label_jumped_over(void *where, u64 how)
{
    if (mostly_off(&off_key))
        return gpl_poll(where, how) | 2;
    return -11;
}
PLAIN(label_jumped_over);

//@ 04-jump-label label_jumped_over_void L gpl_release
void label_jumped_over_void(void *what)
{
    if (mostly_off(&off_key))
        gpl_release(what);
}
PLAIN(label_jumped_over_void);

//@ 04-jump-label label_kernel_key L gpl_write
int label_kernel_key(void *where, int value)
{
    if (rarely_off(&plain_key))
        return gpl_write(where, 8, value);
    return 0;
}
PLAIN(label_kernel_key);

static helper void note(struct device *device)
{
    if (rarely_off(&off_key))
        gpl_trace(device->name, device->base);
}
//@ 04-jump-label label_in_helper L gpl_trace note
int label_in_helper(struct device *device) { note(device); return device->id; }
PLAIN(label_in_helper);

//@ 04-jump-label label_both_sides L gpl_start,gpl_stop
int label_both_sides(struct device *device)
{
    if (rarely_off(&off_key))
        return gpl_stop(device->parent);
    return gpl_start(device);
}
PLAIN(label_both_sides);

/* 05: through static structs of functions. */

struct ops {
    const char *name;
    int (*start)(struct device *);
    int (*stop)(struct device *);
    u64 (*count)(int);
    void (*kick)(struct device *, int);
    void *(*get)(u64, u32);
};

static const struct ops const_ops = { .name = "const", .start = gpl_start };
//@ 05-ops ops_const L gpl_start
int ops_const(struct device *device) { return once(const_ops.start)(device); }
PLAIN(ops_const);

static struct ops variable_ops = { .name = "variable", .count = gpl_counter };
void rename_variable(const char *name) { variable_ops.name = name; }
//@ 05-ops ops_variable L gpl_counter
u64 ops_variable(int which) { return once(variable_ops.count)(which) + 1; }
PLAIN(ops_variable);

static int stop_quietly(struct device *device) { return gpl_stop(device) < 0 ? 0 : 1; }
static const struct ops wrapped_ops = { .name = "wrapped", .stop = stop_quietly };
//@ 05-ops ops_static_wrapper L gpl_stop stop_quietly
int ops_static_wrapper(struct device *device) { return once(wrapped_ops.stop)(device->parent); }
PLAIN(ops_static_wrapper);

static struct ops kick_ops in_section(".data..ro_after_init") = { .name = "late", .kick = gpl_kick };
//@ 05-ops ops_after_init L gpl_kick
void ops_after_init(struct device *device) { once(kick_ops.kick)(device, 0); }
PLAIN(ops_after_init);

static struct ops mixed_ops = { .name = "mixed", .start = gpl_start, .stop = plain_stop, .get = plain_alloc };
//@ 05-ops ops_right_member L gpl_start
bool ops_right_member(struct device *device) { return once(mixed_ops.start)(device) != 0; }
PLAIN(ops_right_member);

static const struct ops checked_ops = { .name = "checked", .get = gpl_alloc };
//@ 05-ops ops_checked L gpl_alloc
void *ops_checked(u64 size)
{
    void *(*get)(u64, u32) = once(checked_ops.get);
    return get ? get(size, 0xdc0) : NULL;
}
PLAIN(ops_checked);

static const struct ops two_ops = { .name = "two", .start = gpl_start, .stop = gpl_stop };
//@ 05-ops ops_two L gpl_stop,gpl_start
int ops_two(struct device *device)
{
    once(two_ops.stop)(device);
    return once(two_ops.start)(device);
}
PLAIN(ops_two);

static int (*lone_pointer)(int, int) = gpl_mask;
//@ 05-ops ops_lone_pointer L gpl_mask
int ops_lone_pointer(int low) { return once(lone_pointer)(low, low + 1); }
PLAIN(ops_lone_pointer);

static helper int start_through(struct device *device) { return once(const_ops.start)(device->parent); }
//@ 05-ops ops_in_helper L gpl_start start_through
int ops_in_helper(struct device *device) { return start_through(device) + 2; }
PLAIN(ops_in_helper);

/* The pointer is found by an index, or by a second pointer: what it can be takes more than one look. */
static int (*const by_index[2])(struct device *) = { gpl_start, gpl_stop };
//@ 05-ops-deep ops_by_index L gpl_start,gpl_stop
int ops_by_index(struct device *device, bool stop) { return by_index[stop](device); }
PLAIN(ops_by_index);

static struct { int id; const struct ops *ops; } driver = { 1, &wrapped_ops };
//@ 05-ops-deep ops_by_pointer L gpl_stop stop_quietly
int ops_by_pointer(struct device *device) { return once(driver.ops)->stop(device); }
PLAIN(ops_by_pointer);

/* 06: through clones. */

static noinline int map_with(struct device *device, u64 at, u64 size, u32 flags)
{
    return gpl_map_flags(device, at & ~(size - 1), size, flags | 1) + 1;
}
//@ 06-clone clone_constprop L gpl_map_flags *
int clone_constprop(struct device *device, u64 at) { return map_with(device, at, 4096, 2); }
PLAIN(clone_constprop);
//@ 06-clone clone_constprop_again L gpl_map_flags *
int clone_constprop_again(struct device *device, u64 at) { return map_with(device->parent, at + 64, 4096, 2); }
PLAIN(clone_constprop_again);

static noinline int reset_with(int bus, int slot, int mode) { return mode > 3 ? -22 : gpl_reset(bus, slot, mode) << mode; }
//@ 06-clone clone_constprop_folded L gpl_reset *
int clone_constprop_folded(int bus, int slot) { return reset_with(bus, slot, 2); }
PLAIN(clone_constprop_folded);

static noinline void trace_with(const char *text, u64 value) { gpl_trace(text, value + 8); once(off_key.enabled); }
//@ 06-clone clone_constprop_text L gpl_trace *
void clone_constprop_text(u64 value) { trace_with("shapes", value); }
PLAIN(clone_constprop_text);

static noinline int write_with(void *to, u64 at, int value) { return gpl_write(to, at, value) ? -5 : 0; }
//@ 06-clone clone_constprop_inner L gpl_write *
int clone_constprop_inner(struct device *device, int value) { return write_with(device->driver_data, 16, value); }
PLAIN(clone_constprop_inner);

static noinline int power_of(struct device *device) { return gpl_power(device->id) + 3; }
//@ 06-clone clone_isra L gpl_power *
int clone_isra(struct device *device) { return power_of(device); }
PLAIN(clone_isra);
//@ 06-clone clone_isra_again L gpl_power *
bool clone_isra_again(struct device *device) { return power_of(device->parent) == 3; }
PLAIN(clone_isra_again);

static noinline int read_of(const struct request *request, int unused) { return gpl_read(request->owner, request->start, 4) + 1; }
//@ 06-clone clone_isra_fields L gpl_read *
int clone_isra_fields(const struct request *request, int extra) { return read_of(request, extra); }
PLAIN(clone_isra_fields);

static noinline int tell(struct device *device, u64 at) { int result = gpl_map(device, at, 64); device->flags = 1; return result; }
//@ 06-clone clone_isra_result L gpl_map *
void clone_isra_result(struct device *device, u64 at) { tell(device, at); }
PLAIN(clone_isra_result);

static int guarded(struct device *device, u64 at)
{
    int result;
    if (nearly_always(!device->driver_data))
        return 0;
    mutex_lock(&the_mutex);
    result = gpl_map(device, at, 64);
    mutex_unlock(&the_mutex);
    return result;
}
//@ 06-clone clone_part L gpl_map *
int clone_part(struct device *device) { return guarded(device, 1); }
PLAIN(clone_part);
//@ 06-clone clone_part_again L gpl_map *
int clone_part_again(struct device *device, u64 at) { return guarded(device->parent, at) + 1; }
PLAIN(clone_part_again);
//@ 06-clone clone_part_third L gpl_map *
bool clone_part_third(struct device *device, u64 at) { return guarded(device, at ^ 1) == 0; }
PLAIN(clone_part_third);

static void guarded_quietly(struct device *device, struct ring *ring)
{
    if (nearly_always(!(device->flags & 2)))
        return;
    _raw_spin_lock(&the_lock);
    gpl_ring_add(ring, &device->ring);
    gpl_kick(device, 7);
    _raw_spin_unlock(&the_lock);
}
//@ 06-clone clone_part_void L gpl_ring_add,gpl_kick *
void clone_part_void(struct device *device) { guarded_quietly(device, &the_ring); }
PLAIN(clone_part_void);
//@ 06-clone clone_part_void_again L gpl_ring_add,gpl_kick *
int clone_part_void_again(struct device *device, struct ring *ring) { guarded_quietly(device->parent, ring); return 0; }
PLAIN(clone_part_void_again);

/* 07: split into a hot and a .cold part. */

//@ 07-cold cold_call L gpl_error_report *
int cold_call(int error)
{
    if (unlikely(error < 0)) {
        _printk("shapes: %d\n", error);
        return gpl_error_report(error);
    }
    return error;
}
PLAIN(cold_call);

//@ 07-cold cold_error L gpl_suspend
int cold_error(struct device *device)
{
    int result = gpl_suspend(device, 2);
    if (unlikely(result))
        _printk("shapes: cannot suspend: %d\n", result);
    return result;
}
PLAIN(cold_error);

//@ 07-cold cold_warning L gpl_flush
void cold_warning(struct device *device)
{
    if (unlikely(!device)) {
        __warn_printk("shapes: no device\n");
        return;
    }
    gpl_flush(device->parent);
}
PLAIN(cold_warning);

//@ 07-cold cold_function L gpl_oops *
int cold_function(struct device *device, int code)
{
    if (code > 4)
        return gpl_oops(device, code - 4) + 1;
    return 0;
}
PLAIN(cold_function);

//@ 07-cold cold_both L gpl_start,gpl_oops -,*
int cold_both(struct device *device)
{
    int result = gpl_start(device);
    if (result < 0)
        gpl_oops(device, result);
    return result;
}
PLAIN(cold_both);

static cold noinline int fail(struct device *device, int code) { return gpl_fault(code) + (int)device->flags; }
//@ 07-cold cold_helper L gpl_fault *
int cold_helper(struct device *device, int code)
{
    if (unlikely(code))
        return fail(device, code) - 1;
    return 0;
}
PLAIN(cold_helper);

//@ 07-cold cold_check L gpl_find
void *cold_check(int id)
{
    struct device *found;
    if (unlikely(id < 0)) {
        __warn_printk("shapes: bad id %d\n", id);
        return NULL;
    }
    found = gpl_find(id);
    return found ? found->name ? found->driver_data : NULL : NULL;
}
PLAIN(cold_check);

//@ 07-cold cold_unreachable L gpl_oops *
int cold_unreachable(struct device *device)
{
    if (unlikely(device->flags & 8)) {
        gpl_oops(device->parent, device->id);
        __builtin_unreachable();
    }
    return (int)device->flags;
}
PLAIN(cold_unreachable);

//@ 07-cold cold_void L gpl_sync *
void cold_void(struct device *device)
{
    if (unlikely(!device->driver_data)) {
        __warn_printk("shapes: %s has no driver\n", device->name);
        gpl_sync();
    }
}
PLAIN(cold_void);

/* 08: static calls. */

STATIC_CALL(tune, gpl_tune);
int static_call(tune, gpl_tune)(int);
//@ 08-static-call static_tail L gpl_tune *
int static_tail(int level) { return static_call(tune, gpl_tune)(level + 1); }
PLAIN(static_tail);
//@ 08-static-call static_result L gpl_tune *
int static_result(int level) { return static_call(tune, gpl_tune)(level) * 3; }
PLAIN(static_result);

STATIC_CALL(sync, gpl_sync);
void static_call(sync, gpl_sync)(void);
//@ 08-static-call static_void L gpl_sync *
int static_void(void) { static_call(sync, gpl_sync)(); return 1; }
PLAIN(static_void);

STATIC_CALL_MNEMONIC(clock, gpl_clock);
u64 static_call(clock, gpl_clock)(void);
//@ 08-static-call static_u64 L gpl_clock *
u64 static_u64(void) { return static_call(clock, gpl_clock)() >> 10; }
PLAIN(static_u64);

STATIC_CALL_GLOBAL(lookup, gpl_lookup);
void *static_call(lookup, gpl_lookup)(struct device *, const char *);
//@ 08-static-call static_global L gpl_lookup *
void *static_global(struct device *device) { return static_call(lookup, gpl_lookup)(device->parent, device->name); }
PLAIN(static_global);

STATIC_CALL_MNEMONIC(ready, gpl_ready);
bool static_call(ready, gpl_ready)(struct device *);
//@ 08-static-call static_checked L gpl_ready *
bool static_checked(struct device *device) { return !device || static_call(ready, gpl_ready)(device); }
PLAIN(static_checked);

static helper int release_locally(struct device *device) { gpl_release(device->driver_data); return device->id; }
STATIC_CALL(release, release_locally);
int static_call(release, release_locally)(struct device *);
//@ 08-static-call static_helper L gpl_release *
int static_helper(struct device *device) { return static_call(release, release_locally)(device) + 1; }
PLAIN(static_helper);
static int (*const keep_release)(struct device *) used = release_locally;

/* 09: under locks. */

//@ 09-lock lock_mutex L gpl_start
int lock_mutex(struct device *device)
{
    int result;
    mutex_lock(&device->mutex);
    result = gpl_start(device);
    mutex_unlock(&device->mutex);
    return result;
}
PLAIN(lock_mutex);

//@ 09-lock lock_global_mutex L gpl_sync
void lock_global_mutex(void)
{
    mutex_lock(&the_mutex);
    gpl_sync();
    mutex_unlock(&the_mutex);
}
PLAIN(lock_global_mutex);

//@ 09-lock lock_spin L gpl_ring_add
void lock_spin(struct device *device, struct ring *ring)
{
    _raw_spin_lock(&device->lock);
    gpl_ring_add(ring, &device->ring);
    _raw_spin_unlock(&device->lock);
}
PLAIN(lock_spin);

//@ 09-lock lock_global_spin L gpl_counter
u64 lock_global_spin(int which)
{
    u64 count;
    _raw_spin_lock(&the_lock);
    count = gpl_counter(which);
    _raw_spin_unlock(&the_lock);
    return count;
}
PLAIN(lock_global_spin);

//@ 09-lock lock_rcu L gpl_find
void *lock_rcu(int id)
{
    void *found;
    __rcu_read_lock();
    found = gpl_find(id + 1);
    __rcu_read_unlock();
    return found;
}
PLAIN(lock_rcu);

//@ 09-lock lock_rcu_strict L gpl_parent
bool lock_rcu_strict(struct device *device)
{
    bool result;
    __asm__ volatile("" : : : "memory");
    result = gpl_parent(device) != NULL;
    __asm__ volatile("" : : : "memory");
    rcu_read_unlock_strict();
    return result;
}
PLAIN(lock_rcu_strict);

//@ 09-lock lock_nested L gpl_map
int lock_nested(struct device *device, u64 at, u64 size)
{
    int result;
    mutex_lock(&the_mutex);
    _raw_spin_lock(&device->lock);
    result = gpl_map(device, at, size);
    _raw_spin_unlock(&device->lock);
    mutex_unlock(&the_mutex);
    return result ? -5 : 0;
}
PLAIN(lock_nested);

//@ 09-lock lock_checked L gpl_stop
int lock_checked(struct device *device)
{
    int result = -16;
    mutex_lock(&the_mutex);
    if (device->driver_data)
        result = gpl_stop(device);
    mutex_unlock(&the_mutex);
    return result;
}
PLAIN(lock_checked);

static helper int start_locked(struct device *device)
{
    int result;
    _raw_spin_lock(&device->lock);
    result = gpl_suspend(device, device->id);
    _raw_spin_unlock(&device->lock);
    return result;
}
//@ 09-lock lock_in_helper L gpl_suspend start_locked
bool lock_in_helper(struct device *device) { return !start_locked(device); }
PLAIN(lock_in_helper);

//@ 09-lock lock_then_tail L gpl_release
void lock_then_tail(struct device *device)
{
    mutex_lock(&device->mutex);
    device->flags |= 1;
    mutex_unlock(&device->mutex);
    gpl_release(device);
}
PLAIN(lock_then_tail);

//@ 09-lock lock_and_print L gpl_power
int lock_and_print(int state)
{
    int result;
    mutex_lock(&the_mutex);
    result = gpl_power(state);
    mutex_unlock(&the_mutex);
    if (result)
        _printk("shapes: power: %d\n", result);
    return result;
}
PLAIN(lock_and_print);

/* 10: aliases and weak functions. */

//@ 10-alias alias_origin L gpl_counter
u64 alias_origin(int which) { return gpl_counter(which ^ 1); }
PLAIN(alias_origin);
//@ 10-alias alias_of_export L gpl_counter
u64 alias_of_export(int which) __attribute__((alias("alias_origin")));
PLAIN(alias_of_export);

static int inner_function(int low) { return gpl_mask(low, 255) + 1; }
//@ 10-alias alias_of_static L gpl_mask
int alias_of_static(int low) __attribute__((alias("inner_function")));
PLAIN(alias_of_static);

//@ 10-alias alias_of_global L gpl_alloc
void *unexported_name(u64 count) { return gpl_alloc(count * 8, 0); }
void *alias_of_global(u64 count) __attribute__((alias("unexported_name")));
PLAIN(alias_of_global);

//@ 10-alias weak_wrapper L gpl_idle
weak bool weak_wrapper(void) { return !gpl_idle(); }
PLAIN(weak_wrapper);

//@ 10-alias weak_tail L gpl_fault
weak int weak_tail(int code) { return gpl_fault(code | 64); }
PLAIN(weak_tail);

int strong_one(struct device *device) { return gpl_stop(device->parent) + 1; }
//@ 10-alias weak_alias L gpl_stop
int weak_alias(struct device *device) __attribute__((__weak__, alias("strong_one")));
PLAIN(weak_alias);

/* The same place under two names, one for everybody and one for GPL modules. */
//@ 10-alias alias_for_all L gpl_hash
//@ 12-negative alias_for_gpl - gpl_hash
u64 alias_for_gpl(u64 value) { return gpl_hash(value, 5381); }
u64 alias_for_all(u64 value) __attribute__((alias("alias_for_gpl")));
GPL_ONLY(alias_for_gpl);
PLAIN(alias_for_all);

//@ 10-alias alias_by_assembler L gpl_flush
__asm__(".globl alias_by_assembler\n.type alias_by_assembler, %function\n.set alias_by_assembler, flush_twice");
used void flush_twice(struct device *device) { gpl_flush(device); gpl_flush(device->parent); }
PLAIN(alias_by_assembler);

/* The compiler finds these equal and keeps one body. */
static noinline int write_first(struct device *device, int value) { return gpl_write(device->driver_data, device->base, value) + device->id; }
static noinline int write_second(struct device *device, int value) { return gpl_write(device->driver_data, device->base, value) + device->id; }
//@ 10-alias twin_first L gpl_write *
int twin_first(struct device *device, int value) { return write_first(device, value); }
PLAIN(twin_first);
//@ 10-alias twin_second L gpl_write *
int twin_second(struct device *device, int value) { return write_second(device->parent, value) + 1; }
PLAIN(twin_second);

/* 11: the same of functions exported to nobody. */

//@ 11-hidden-direct hidden_by_direct E hidden_fork
int hidden_by_direct(u64 flags) { return hidden_fork(flags | 17) + 1; }
PLAIN(hidden_by_direct);

//@ 11-hidden-direct hidden_by_direct_bool E hidden_allowed
bool hidden_by_direct_bool(void) { return !hidden_allowed(21); }
PLAIN(hidden_by_direct_bool);

//@ 11-hidden-tail hidden_by_tail E hidden_page
void *hidden_by_tail(u64 address) { return hidden_page(address >> 12); }
PLAIN(hidden_by_tail);

//@ 11-hidden-tail hidden_by_tail_checked E hidden_exec
int hidden_by_tail_checked(const char *path, void *arguments) { return path ? hidden_exec(path, arguments) : -2; }
PLAIN(hidden_by_tail_checked);

static helper int fault_parent(struct device *device, u64 at) { return hidden_fault(device->parent, at, device->flags); }
//@ 11-hidden-helper hidden_by_helper E hidden_fault fault_parent
int hidden_by_helper(struct device *device, u64 at) { return fault_parent(device, at + device->base); }
PLAIN(hidden_by_helper);

static helper void walk_inner(struct device *device) { hidden_walk(&device->ring); device->flags = 0; }
static helper void walk_outer(struct device *device) { walk_inner(device->parent); device->id = 0; }
//@ 11-hidden-helper hidden_by_two_helpers E hidden_walk walk_outer>walk_inner
void hidden_by_two_helpers(struct device *device) { walk_outer(device); }
PLAIN(hidden_by_two_helpers);

//@ 11-hidden-jump-label hidden_by_label E hidden_sync
void hidden_by_label(void)
{
    if (rarely_off(&off_key))
        hidden_sync();
}
PLAIN(hidden_by_label);

//@ 11-hidden-jump-label hidden_by_likely_label E hidden_mount
int hidden_by_likely_label(void *where)
{
    if (mostly_on(&on_key))
        return hidden_mount(where, 32) + 1;
    return -1;
}
PLAIN(hidden_by_likely_label);

static const struct { const char *name; u64 (*clock)(void); int (*mount)(void *, int); } hidden_ops = {
    "hidden", hidden_clock, hidden_mount,
};
//@ 11-hidden-ops hidden_by_ops E hidden_clock
u64 hidden_by_ops(void) { return once(hidden_ops.clock)() / 1024; }
PLAIN(hidden_by_ops);

//@ 11-hidden-ops hidden_by_ops_tail E hidden_mount
int hidden_by_ops_tail(struct device *device) { return once(hidden_ops.mount)(device, device->id); }
PLAIN(hidden_by_ops_tail);

static noinline int fault_with(struct device *device, u64 at, u32 flags) { return hidden_fault(device, at & -4096ul, flags) + 1; }
//@ 11-hidden-clone hidden_by_clone E hidden_fault *
int hidden_by_clone(struct device *device, u64 at) { return fault_with(device, at, 16); }
PLAIN(hidden_by_clone);

//@ 11-hidden-cold hidden_by_cold E hidden_panic *
int hidden_by_cold(int code)
{
    if (unlikely(code < 0))
        return hidden_panic(-code) + 1;
    return code;
}
PLAIN(hidden_by_cold);

STATIC_CALL(hidden, hidden_allowed);
bool static_call(hidden, hidden_allowed)(int);
//@ 11-hidden-static-call hidden_by_static_call E hidden_allowed *
bool hidden_by_static_call(struct device *device) { return static_call(hidden, hidden_allowed)(device->id); }
PLAIN(hidden_by_static_call);

//@ 11-hidden-lock hidden_by_lock E hidden_walk
void hidden_by_lock(struct device *device)
{
    _raw_spin_lock(&device->lock);
    hidden_walk(&device->ring);
    _raw_spin_unlock(&device->lock);
}
PLAIN(hidden_by_lock);

//@ 11-hidden-lock hidden_by_mutex E hidden_fork
int hidden_by_mutex(u64 flags)
{
    int result;
    mutex_lock(&the_mutex);
    result = hidden_fork(flags);
    mutex_unlock(&the_mutex);
    return result;
}
PLAIN(hidden_by_mutex);

//@ 11-hidden-alias hidden_by_alias E hidden_exec
int exec_it(const char *path) { return hidden_exec(path, NULL); }
int hidden_by_alias(const char *path) __attribute__((alias("exec_it")));
PLAIN(hidden_by_alias);

/* 12: these are no wrappers. */

#define MIX(a, b, k) (a = (a ^ (b >> 7)) * k + (b << 3), b = (b ^ (a >> 11)) + (a << 5) - k)

//@ 12-negative work_loop - gpl_hash
u64 work_loop(const u64 *words, int count)
{
    u64 a = 1, b = 2;
    for (int i = 0; i < count; i++) {
        MIX(a, b, words[i]);
        MIX(a, b, 0x9e37);
        MIX(a, b, 0x79b9);
        if (a & 4)
            b += words[i] >> (a & 31);
        MIX(b, a, 0x1234567);
        MIX(a, b, 0x2345671);
        MIX(b, a, 0x3456712);
    }
    return gpl_hash(a, b);
}
PLAIN(work_loop);

//@ 12-negative work_around - gpl_map
int work_around(struct device *device, u64 at, u64 size)
{
    u64 a = at, b = size;
    int result;
    for (int i = 0; i < 64; i++) {
        MIX(a, b, device->base);
        MIX(b, a, 0x51ed);
        device->size += a & 15;
    }
    result = gpl_map(device, a, b);
    for (struct device *up = device->parent; up; up = up->parent) {
        MIX(a, b, up->base);
        up->flags = (up->flags ^ (u32)a) + (u32)b;
        MIX(b, a, 0xabcd);
        up->size = up->size > a ? up->size - a : a - up->size;
    }
    return result;
}
PLAIN(work_around);

//@ 12-negative work_in_loop - gpl_poll
int work_in_loop(u64 *table, int count)
{
    int best = -1;
    u64 a = 0, b = 1;
    for (int i = 0; i < count; i++) {
        MIX(a, b, table[i]);
        if ((a & 7) == 3 && gpl_poll(&table[i], b) > best)
            best = i;
        MIX(a, b, 0x1111);
        MIX(b, a, 0x2222);
        table[i] = a - b;
    }
    return best;
}
PLAIN(work_in_loop);

//@ 12-negative work_straight - gpl_trace
u64 work_straight(u64 a, u64 b)
{
    MIX(a, b, 0x101); MIX(a, b, 0x203); MIX(a, b, 0x307); MIX(a, b, 0x40f); MIX(a, b, 0x511); MIX(a, b, 0x61b);
    MIX(a, b, 0x71d); MIX(a, b, 0x823);
    gpl_trace("straight", a);
    return a ^ b;
}
PLAIN(work_straight);

//@ 12-negative work_after - gpl_clock
u64 work_after(u64 b)
{
    u64 a = gpl_clock();
    MIX(a, b, 0x111); MIX(a, b, 0x213); MIX(a, b, 0x317); MIX(a, b, 0x41f); MIX(a, b, 0x521); MIX(a, b, 0x62b);
    MIX(a, b, 0x72d); MIX(a, b, 0x833);
    return a - b;
}
PLAIN(work_after);

//@ 12-negative work_sort - gpl_sync
int work_sort(u64 *words, int count)
{
    int swaps = 0;
    for (int i = 1; i < count; i++) {
        u64 word = words[i];
        int j = i;
        while (j > 0 && (words[j - 1] ^ (words[j - 1] >> 9)) > (word ^ (word >> 9))) {
            words[j] = words[j - 1] + (u64)(swaps & 1);
            j--;
            swaps++;
        }
        words[j] = word;
    }
    for (int i = 0; i + 3 < count; i += 4) {
        MIX(words[i], words[i + 1], 0x77);
        MIX(words[i + 2], words[i + 3], 0x99);
    }
    if (swaps > 100)
        gpl_sync();
    return swaps;
}
PLAIN(work_sort);

//@ 12-negative work_text - gpl_lookup
void *work_text(struct device *device, const char *text)
{
    char name[24];
    int at = 0;
    for (; *text && at < 20; text++) {
        char letter = *text;
        if (letter >= 'A' && letter <= 'Z')
            letter += 'a' - 'A';
        else if (letter == '/' || letter == ':')
            letter = '!';
        else if (letter < ' ')
            continue;
        else if (letter >= '0' && letter <= '9')
            letter = (char)('9' - (letter - '0'));
        name[at++] = letter;
        if (at > 2 && name[at - 1] == name[at - 2] && name[at - 2] == name[at - 3])
            at--;
    }
    for (int low = 0, high = at - 1; low < high; low++, high--) {
        char letter = name[low];
        name[low] = (char)(name[high] ^ (low & 1));
        name[high] = (char)(letter ^ (high & 2));
    }
    name[at] = 0;
    return gpl_lookup(device, name);
}
PLAIN(work_text);

static helper u64 long_helper(struct device *device, u64 a)
{
    u64 b = device->base;
    MIX(a, b, 0x1001); MIX(a, b, 0x2003); MIX(a, b, 0x3007); MIX(a, b, 0x400f); MIX(a, b, 0x5011); MIX(a, b, 0x601b);
    MIX(a, b, 0x701d); MIX(a, b, 0x8023);
    device->size = b;
    return gpl_hash(a, b) + a;
}
//@ 12-negative work_in_helper - gpl_hash
u64 work_in_helper(struct device *device, u64 value) { return long_helper(device, value + 1); }
PLAIN(work_in_helper);

//@ 12-negative work_hidden - hidden_fault
int work_hidden(struct device *device, u64 a, u64 b)
{
    for (int i = 0; i < 100; i++) {
        MIX(a, b, device->base); MIX(b, a, device->size); MIX(a, b, 0x21); MIX(b, a, 0x1f);
        if ((a ^ b) & 1)
            device->flags++;
    }
    MIX(a, b, 0x7fff); MIX(b, a, 0x3fff); MIX(a, b, 0x1fff);
    return hidden_fault(device, a, (u32)b);
}
PLAIN(work_hidden);

//@ 12-negative plain_direct - -
int plain_direct(struct device *device) { return plain_start(device) + 1; }
PLAIN(plain_direct);

//@ 12-negative plain_tail - -
void plain_tail(void *memory) { plain_free(memory); }
PLAIN(plain_tail);

static helper u64 since(u64 then) { return plain_time() - then; }
//@ 12-negative plain_helper - -
u64 plain_helper(struct device *device) { return since(device->base) * 10; }
PLAIN(plain_helper);

//@ 12-negative plain_locked - -
int plain_locked(struct device *device)
{
    int result;
    mutex_lock(&device->mutex);
    result = plain_stop(device);
    mutex_unlock(&device->mutex);
    return result;
}
PLAIN(plain_locked);

//@ 12-negative plain_label - -
void plain_label(void)
{
    if (rarely_off(&off_key))
        plain_log("label");
}
PLAIN(plain_label);

/* The struct has GPL-only functions, the member that is called is none. */
//@ 12-negative plain_member - -
int plain_member(struct device *device) { return once(mixed_ops.stop)(device); }
PLAIN(plain_member);

//@ 12-negative plain_cold - -
int plain_cold(int code)
{
    if (unlikely(code))
        _printk("shapes: code %d\n", code);
    return plain_count();
}
PLAIN(plain_cold);

//@ 12-negative gpl_export_direct - gpl_tune
int gpl_export_direct(int level) { return gpl_tune(level) - 1; }
GPL_ONLY(gpl_export_direct);

//@ 12-negative gpl_export_tail - gpl_sync
void gpl_export_tail(void) { gpl_sync(); }
GPL_ONLY(gpl_export_tail);

//@ 12-negative gpl_export_helper - gpl_start
int gpl_export_helper(struct device *device) { return start_parent(device) & 0xff; }
GPL_ONLY(gpl_export_helper);

//@ 12-negative gpl_export_locked - gpl_flush
void gpl_export_locked(struct device *device)
{
    mutex_lock(&device->mutex);
    gpl_flush(device);
    mutex_unlock(&device->mutex);
}
GPL_ONLY(gpl_export_locked);

//@ 12-negative nothing_void - -
void nothing_void(void) { }
PLAIN(nothing_void);

//@ 12-negative nothing_zero - -
int nothing_zero(struct device *device, int flags) { return 0; }
PLAIN(nothing_zero);

//@ 12-negative nothing_field - -
void *nothing_field(struct device *device) { return device->driver_data; }
PLAIN(nothing_field);

//@ 12-negative plumbing_rcu - -
int plumbing_rcu(struct device *device)
{
    int count = 0;
    __rcu_read_lock();
    for (struct ring *at = device->ring.next; at != &device->ring; at = at->next)
        count++;
    __rcu_read_unlock();
    return count;
}
PLAIN(plumbing_rcu);

//@ 12-negative plumbing_strict - -
u64 plumbing_strict(struct device *device)
{
    u64 total = 0;
    for (; device; device = device->parent)
        total = total * 31 + device->size;
    rcu_read_unlock_strict();
    return total;
}
PLAIN(plumbing_strict);

//@ 12-negative plumbing_rcu_call - -
int plumbing_rcu_call(struct device *device)
{
    int result;
    __rcu_read_lock();
    result = plain_start(device->parent);
    __rcu_read_unlock();
    return result;
}
PLAIN(plumbing_rcu_call);

static helper struct device *find_flag(struct device *device, u32 flag)
{
    __rcu_read_lock();
    while (device && !(device->flags & flag))
        device = device->parent;
    __rcu_read_unlock();
    return device;
}
//@ 12-negative plumbing_helper - -
bool plumbing_helper(struct device *device, u32 flag) { return find_flag(device, flag) != NULL; }
PLAIN(plumbing_helper);

static const struct ops registered_ops = { .name = "registered", .start = gpl_start, .stop = stop_quietly };
//@ 12-negative register_const - gpl_start,gpl_stop
int register_const(void) { return plain_register(&registered_ops); }
PLAIN(register_const);

static struct ops registered_later = { .name = "later", .kick = gpl_kick };
//@ 12-negative register_variable - gpl_kick
int register_variable(const char *name) { registered_later.name = name; return plain_register(&registered_later) ? -16 : 0; }
PLAIN(register_variable);

//@ 12-negative register_hidden - hidden_clock,hidden_mount
int register_hidden(void) { return plain_register(&hidden_ops); }
PLAIN(register_hidden);

//@ 12-negative register_undo - gpl_start,gpl_stop
void register_undo(void) { plain_unregister(&registered_ops); }
PLAIN(register_undo);

//@ 13-unexported unexported_wrapper - gpl_reset
int unexported_wrapper(int bus) { return gpl_reset(bus, 1, 1); }

//@ 13-unexported unexported_helper - gpl_read
helper int unexported_helper(void *from) { return gpl_read(from, 1, 1) - 1; }

//@ 13-unexported unexported_hidden - hidden_fork
int unexported_hidden(void) { return hidden_fork(0); }
