/*
 * A module in the role of HMM in Linux 4.18: a GPL module that offers everybody what the kernel offers to GPL modules, or to none.
 *
 * What is expected stands above each export, as in shapes.c.
 */
#include "module.h"

MODULE("hmm");

struct vm_area { u64 start, end; struct space *space; u64 flags; };
struct resource { u64 start, end; const char *name; u64 flags; };
struct percpu_ref { u64 count; void *release; u64 state; };
struct page_map { struct resource *resource; struct percpu_ref *ref; void (*kill)(void *); int type; void *data; };
struct device_class { const char *name; };
struct notifier { const void *ops; struct notifier *next; };
struct space { struct mutex mutex; struct spinlock lock; struct hmm *hmm; };

struct hmm { struct notifier notifier; struct space *space; struct mirror *first; struct mutex mutex; u64 sequence; };
struct mirror { struct hmm *hmm; const void *ops; struct mirror *next; };
struct devmem {
    void *device;
    struct resource *resource;
    const void *ops;
    struct page_map map;
    struct percpu_ref ref;
    u64 first, last;
};
struct range { struct vm_area *vma; u64 start, end; u64 *pfns; u64 valid, write; u8 shift; };
struct walk {
    int (*entry)(u64 *, u64, u64, struct walk *);
    int (*hole)(u64, u64, struct walk *);
    struct space *space;
    struct vm_area *vma;
    void *private;
};
struct hmm_device { struct device_class *class; int minor; };

/* Functions for GPL modules only. */
void *devm_memremap_pages(void *device, struct page_map *);
void mmu_notifier_unregister_no_release(struct notifier *, struct space *);
int percpu_ref_init(struct percpu_ref *, void (*release)(struct percpu_ref *), u32 flags, u32 gfp);
void percpu_ref_exit(struct percpu_ref *);
void percpu_ref_kill_and_confirm(struct percpu_ref *, void (*confirm)(struct percpu_ref *));
int region_intersects(u64 start, u64 size, u64 flags, u64 type);
struct device_class *__class_create(void *owner, const char *name, void *key);

/* Functions for nobody outside the kernel. */
int walk_page_range(u64 start, u64 end, struct walk *);
void *alloc_pages_vma(u32 gfp, int order, struct vm_area *, u64 address, int node, bool huge);

/* Functions for every module. */
int mmu_notifier_register(struct notifier *, struct space *);
void *kmalloc_trace(u64 size, u32 gfp);
void kfree(const void *);

/* Device memory. */

static void devmem_release(struct percpu_ref *ref) { ref->state = 0; }

static helper void devmem_ref_exit(struct devmem *devmem)
{
    percpu_ref_exit(&devmem->ref);
    devmem->device = NULL;
}

static helper void devmem_ref_kill(struct devmem *devmem)
{
    percpu_ref_kill_and_confirm(&devmem->ref, NULL);
    devmem->map.ref = NULL;
}

static helper void *devmem_map(struct devmem *devmem, void *device)
{
    devmem->map.resource = devmem->resource;
    devmem->map.ref = &devmem->ref;
    return devm_memremap_pages(device, &devmem->map);
}

//@ hmm hmm_devmem_add L percpu_ref_init,devm_memremap_pages
void *hmm_devmem_add(struct devmem *devmem, void *device)
{
    int result = percpu_ref_init(&devmem->ref, devmem_release, 0, 0xcc0);
    if (result)
        return (void *)(long)result;
    devmem->map.ref = &devmem->ref;
    return devm_memremap_pages(device, &devmem->map);
}
PLAIN(hmm_devmem_add);

//@ hmm hmm_devmem_add_resource L percpu_ref_init,devm_memremap_pages -,devmem_map
void *hmm_devmem_add_resource(struct devmem *devmem, void *device, struct resource *resource)
{
    int result;
    if (!resource)
        return (void *)-22L;
    devmem->resource = resource;
    result = percpu_ref_init(&devmem->ref, devmem_release, 0, 0xcc0);
    if (result)
        return (void *)(long)result;
    return devmem_map(devmem, device);
}
PLAIN(hmm_devmem_add_resource);

//@ hmm hmm_devmem_remove L percpu_ref_kill_and_confirm,percpu_ref_exit devmem_ref_kill,devmem_ref_exit
void hmm_devmem_remove(struct devmem *devmem)
{
    if (!devmem)
        return;
    devmem_ref_kill(devmem);
    devmem_ref_exit(devmem);
}
PLAIN(hmm_devmem_remove);

//@ hmm hmm_devmem_find L region_intersects
bool hmm_devmem_find(u64 start, u64 size)
{
    return region_intersects(start, size, 0x200, 0) != 1;
}
PLAIN(hmm_devmem_find);

//@ hmm hmm_device_new L __class_create
int hmm_device_new(struct hmm_device *device)
{
    device->class = __class_create(&__this_module, "hmm_device", NULL);
    return (u64)device->class >= (u64)-4095 ? -12 : 0;
}
PLAIN(hmm_device_new);

/* Mirrors of address spaces. */

static helper void hmm_leave(struct hmm *hmm)
{
    mmu_notifier_unregister_no_release(&hmm->notifier, hmm->space);
    hmm->space = NULL;
}

/* Gives up what there was before when the kernel refuses the new one. */
//@ hmm hmm_mirror_register L mmu_notifier_unregister_no_release hmm_leave
int hmm_mirror_register(struct mirror *mirror, struct space *space)
{
    struct hmm *hmm = mirror->hmm;
    if (!space)
        return -22;
    mutex_lock(&hmm->mutex);
    if (hmm->space)
        hmm_leave(hmm);
    hmm->space = space;
    mutex_unlock(&hmm->mutex);
    return 0;
}
PLAIN(hmm_mirror_register);

//@ hmm hmm_mirror_unregister L mmu_notifier_unregister_no_release
void hmm_mirror_unregister(struct mirror *mirror)
{
    struct hmm *hmm = mirror->hmm;
    mutex_lock(&hmm->mutex);
    hmm->first = mirror->next;
    mutex_unlock(&hmm->mutex);
    mmu_notifier_unregister_no_release(&hmm->notifier, hmm->space);
}
PLAIN(hmm_mirror_unregister);

/* Walks of page tables. */

static int note_entry(u64 *entry, u64 start, u64 end, struct walk *walk)
{
    struct range *range = walk->private;
    range->pfns[(start - range->start) >> 12] = (*entry >> 12 << range->shift) | range->valid;
    return 0;
}

static int note_hole(u64 start, u64 end, struct walk *walk)
{
    struct range *range = walk->private;
    for (; start < end; start += 4096)
        range->pfns[(start - range->start) >> 12] = 0;
    return 0;
}

static int fault_hole(u64 start, u64 end, struct walk *walk)
{
    struct range *range = walk->private;
    return range->write ? -16 : note_hole(start, end, walk);
}

//@ hmm hmm_vma_get_pfns E walk_page_range
int hmm_vma_get_pfns(struct range *range)
{
    struct walk walk = { note_entry, note_hole, range->vma->space, range->vma, range };
    return walk_page_range(range->start, range->end, &walk);
}
PLAIN(hmm_vma_get_pfns);

static helper int walk_and_fault(struct range *range)
{
    struct walk walk = { note_entry, fault_hole, range->vma->space, range->vma, range };
    return walk_page_range(range->start, range->end, &walk);
}

//@ hmm hmm_vma_fault E walk_page_range walk_and_fault
int hmm_vma_fault(struct range *range, bool write)
{
    if (range->end <= range->start)
        return -22;
    range->write = write;
    return walk_and_fault(range);
}
PLAIN(hmm_vma_fault);

//@ hmm hmm_vma_alloc_locked_page E alloc_pages_vma
void *hmm_vma_alloc_locked_page(struct vm_area *vma, u64 address)
{
    u64 *page;
    if (address < vma->start || address >= vma->end)
        return NULL;
    page = alloc_pages_vma(0x14200ca, 0, vma, address, -1, 0);
    if (page)
        *page |= 1;
    return page;
}
PLAIN(hmm_vma_alloc_locked_page);

/* These are no wrappers. */

//@ hmm-negative hmm_pfn_to_page - -
void *hmm_pfn_to_page(const struct range *range, u64 pfn)
{
    return pfn & range->valid ? (void *)(0xffffea0000000000ul + (pfn >> range->shift) * 64) : NULL;
}
PLAIN(hmm_pfn_to_page);

//@ hmm-negative hmm_range_print - -
void hmm_range_print(const struct range *range)
{
    u64 pages = (range->end - range->start) >> 12;
    _printk("hmm: %lx to %lx, %lu pages\n", range->start, range->end, pages);
    for (u64 page = 0; page < pages; page++)
        _printk("hmm: %lu: %lx\n", page, range->pfns[page]);
}
PLAIN(hmm_range_print);

static const struct { void (*release)(struct notifier *, struct space *); } notifier_ops;

//@ hmm-negative hmm_get_or_create - -
struct hmm *hmm_get_or_create(struct space *space)
{
    struct hmm *hmm;
    _raw_spin_lock(&space->lock);
    hmm = space->hmm;
    _raw_spin_unlock(&space->lock);
    if (hmm)
        return hmm;
    hmm = kmalloc_trace(sizeof *hmm, 0xcc0);
    if (!hmm)
        return NULL;
    hmm->notifier.ops = &notifier_ops;
    hmm->space = space;
    if (mmu_notifier_register(&hmm->notifier, space)) {
        kfree(hmm);
        return NULL;
    }
    return hmm;
}
PLAIN(hmm_get_or_create);

//@ hmm-negative hmm_devmem_map - devm_memremap_pages
void *hmm_devmem_map(struct devmem *devmem, void *device)
{
    return devm_memremap_pages(device, &devmem->map);
}
GPL_ONLY(hmm_devmem_map);

/* Looks for a hole between the regions, the largest one that is aligned, and asks the kernel only about the one it has found. */
//@ hmm-negative hmm_devmem_place - region_intersects
u64 hmm_devmem_place(const struct resource *regions, int count, u64 size, u64 align)
{
    u64 best = 0, room = 0, sum = 0, last = 0;
    for (int i = 0; i < count; i++) {
        u64 start = (last + align - 1) & ~(align - 1), end = regions[i].start;
        sum = (sum << 7 | sum >> 57) ^ regions[i].start ^ (regions[i].end << 1);
        if (end > start && end - start >= size && end - start > room) {
            best = start;
            room = end - start;
            for (u64 at = start; at + size <= end; at += align) {
                u64 mix = (at >> 12) * 0x9e3779b97f4a7c15ul;
                mix ^= mix >> 29;
                mix = mix * 31 + size;
                if ((mix & 63) == (sum & 63)) {
                    best = at;
                    sum += mix >> 5;
                    if (at > 0x100000000ul && (at & 0x1fffff) == 0 && region_intersects(at, size, 0x200, 0) == 0)
                        return at;
                }
            }
        }
        if (regions[i].end > last)
            last = regions[i].end + 1;
    }
    return best;
}
PLAIN(hmm_devmem_place);
