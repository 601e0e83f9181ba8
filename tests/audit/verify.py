#!/usr/bin/env python3
"""Does each shape have the shape it claims? verify.py FOLDER"""
import re, struct, subprocess, sys, collections
out = sys.argv[1]
PLUMB = re.compile(r'^(mutex_|_raw_spin|__rcu_|rcu_read|_printk$|__warn_printk$|__fentry__$|__x86_|__stack_chk)')

class Obj:
    def __init__(self, path):
        self.path = path
        d = self.d = open(path, 'rb').read()
        assert d[:4] == b'\x7fELF' and struct.unpack_from('<H', d, 16)[0] == 1
        self.x86 = struct.unpack_from('<H', d, 18)[0] == 62
        shoff, = struct.unpack_from('<Q', d, 40); n, strx = struct.unpack_from('<HH', d, 60)
        self.sec = [dict(zip(('name','type','flags','addr','off','size','link','info','align','ent'), struct.unpack_from('<IIQQQQIIQQ', d, shoff+64*i))) for i in range(n)]
        st = self.sec[strx]['off']
        for s in self.sec: s['name'] = self.cstr(st + s['name'])
        self.names = [s['name'] for s in self.sec]
        symsec = next(s for s in self.sec if s['type'] == 2)
        so = self.sec[symsec['link']]['off']
        self.syms = []
        for i in range(symsec['size']//24):
            nm, info, oth, shn, val, size = struct.unpack_from('<IBBHQQ', d, symsec['off']+24*i)
            name = self.cstr(so+nm)
            if info & 15 == 3: name = self.names[shn]
            self.syms.append((name, info & 15, info >> 4, shn, val, size))
        self.rel = collections.defaultdict(dict)
        for s in self.sec:
            if s['type'] == 4:
                for i in range(s['size']//24):
                    o, inf, add = struct.unpack_from('<QQq', d, s['off']+24*i)
                    sy = self.syms[inf >> 32]
                    self.rel[s['info']][o] = (inf & 0xffffffff, sy, add)
        self.funcs = {}
        for name, t, b, shn, val, size in self.syms:
            if name and shn and shn < len(self.sec) and self.sec[shn]['flags'] & 4 and t in (2, 0, 10) and not name.startswith(('$', '.L')) :
                if t == 2: self.funcs[name] = (shn, val, size, b)
        self.ins = {}
        text = subprocess.run([('' if self.x86 else 'aarch64-linux-gnu-')+'objdump', '-d', '--no-show-raw-insn', path], capture_output=True, text=True).stdout
        cur = None
        for line in text.splitlines():
            m = re.match(r'Disassembly of section (.*):', line)
            if m: cur = self.ins.setdefault(self.names.index(m[1]), {}); continue
            m = re.match(r'\s*([0-9a-f]+):\s+(\S.*)', line)
            if m and cur is not None: cur[int(m[1], 16)] = m[2].split('#')[0].split('//')[0].strip() if self.x86 else m[2].split('//')[0].strip()
        self.next = {k: dict(zip(sorted(v), sorted(v)[1:]+[self.sec[k]['size']])) for k, v in self.ins.items()}
    def cstr(self, o): return self.d[o:self.d.index(b'\0', o)].decode()
    def at(self, sec, addr):
        best = [n for n, (s, v, z, b) in self.funcs.items() if s == sec and v <= addr < v+max(z, 1)]
        exact = [n for n in best if self.funcs[n][1] == addr]
        return (exact or best or [None])[0]
    def relat(self, sec, a):
        for o in range(a, self.next[sec][a]):
            if o in self.rel[sec]: return o, self.rel[sec][o]
    def target(self, sec, a):
        """Of a direct branch: ('ext', name) or ('loc', sec, addr)."""
        text = self.ins[sec][a]
        r = self.relat(sec, a)
        if r:
            t, sy, add = r[1]
            if sy[3] == 0: return ('ext', sy[0])
            return ('loc', sy[3], sy[4] + add + (4 if self.x86 else 0))
        m = re.search(r'\b([0-9a-f]+) <', text)
        return ('loc', sec, int(m[1], 16)) if m else None
    def kind(self, text):
        op = text.split()[0]
        ops = text.split()
        if self.x86:
            while op in ('bnd', 'notrack', 'cs', 'ds') and len(ops) > 1: ops = ops[1:]; op = ops[0]
            if op.startswith('call'): return 'icall' if '*' in text else 'call'
            if op == 'jmp': return 'ijump' if '*' in text else 'jump'
            if op.startswith('j'): return 'cond'
            if op.startswith('ret'): return 'stop'
            if op in ('int3', 'ud2', 'ud1', '(bad)', 'hlt'): return 'stop'
            if op.startswith('nop') or op in ('xchg','endbr64','data16') and ('%ax,%ax' in text or op != 'xchg'): return 'nop'
        else:
            if op == 'bl': return 'call'
            if op == 'b': return 'jump'
            if op in ('blr', 'blraa'): return 'icall'
            if op in ('br',): return 'ijump'
            if op.startswith('b.') or op in ('cbz','cbnz','tbz','tbnz'): return 'cond'
            if op in ('ret','retaa','brk','udf'): return 'stop'
            if op in ('nop','bti'): return 'nop'
        return 'work'
    def body(self, f):
        if f not in self.funcs: return []
        sec, v, z, b = self.funcs[f]
        return [(sec, a) for a in sorted(self.ins[sec]) if v <= a < v+z]
    def edges(self, f):
        """[(kind, target name, addr)], branches to other functions; conditional ones into .cold too."""
        res = []
        for sec, a in self.body(f):
            k = self.kind(self.ins[sec][a])
            if k in ('call', 'jump', 'cond'):
                t = self.target(sec, a)
                if t is None: continue
                if t[0] == 'ext': res.append((k, t[1], a))
                else:
                    g = self.at(t[1], t[2])
                    same = (sec == t[1] and self.funcs[f][1] <= t[2] < self.funcs[f][1]+self.funcs[f][2])
                    if g and not same: res.append((k, g, a))
                    elif g is None: res.append((k, '?%s+%x' % (self.names[t[1]], t[2]), a))
            for lab in self.labels(sec, a):
                g = self.at(*lab)
                if g and g != f and not (lab[0] == sec and self.funcs[f][1] <= lab[1] < self.funcs[f][1]+self.funcs[f][2]): res.append(('label', g, a))
        return res
    def labels(self, sec, a):
        if not hasattr(self, 'jl'):
            self.jl = collections.defaultdict(list); self.keys = {}
            if '__jump_table' in self.names:
                j = self.names.index('__jump_table'); assert self.sec[j]['size'] % 16 == 0
                for o in range(0, self.sec[j]['size'], 16):
                    (_, s1, a1), (_, s2, a2), (_, s3, a3) = self.rel[j][o], self.rel[j][o+4], self.rel[j][o+8]
                    self.jl[(s1[3], s1[4]+a1)].append((s2[3], s2[4]+a2))
                    self.keys[(s1[3], s1[4]+a1)] = s3[0]
        return self.jl.get((sec, a), [])
    def reachable(self, f, patched):
        """Instructions reached from f's entry inside f and what it jumps to of its own (.cold)."""
        sec, v, z, b = self.funcs[f]
        own = {n for n in self.funcs if n == f or n == f+'.cold'}
        inside = lambda p: any(self.funcs[n][0] == p[0] and self.funcs[n][1] <= p[1] < self.funcs[n][1]+self.funcs[n][2] for n in own)
        seen, todo = set(), [(sec, v)]
        while todo:
            p = todo.pop()
            if p in seen or not inside(p) or p[1] not in self.ins[p[0]]: continue
            seen.add(p)
            text = self.ins[p[0]][p[1]]; k = self.kind(text); nxt = (p[0], self.next[p[0]][p[1]])
            lab = self.labels(*p)
            if lab and patched:
                todo.append(lab[0] if k == 'nop' else nxt); continue
            if k == 'stop' or k == 'ijump': continue
            if k in ('jump', 'cond'):
                t = self.target(*p)
                if t and t[0] == 'loc': todo.append(t[1:])
            if k != 'jump': todo.append(nxt)
        return seen
    def slots(self, f):
        """Exact places of data that f's instructions load from or take the address of."""
        res, regs = [], {}
        for sec, a in self.body(f):
            text = self.ins[sec][a]; r = self.relat(sec, a)
            if r and self.kind(text) in ('work', 'icall', 'ijump'):
                o, (t, sy, add) = r
                if self.x86:
                    place = sy[4] + add + (self.next[sec][a]-o if t == 2 else 0)
                    load = '(' in text or '*' in text or re.match(r'(mov|cmp)\w* +0x0,', text)
                    res.append((sy[3], place, 'load' if '(' in text or 'ds:' in text or '*0x' in text else 'addr', sy[0]))
                elif t in (277,):   # ADD_ABS_LO12
                    d = re.match(r'add\s+(\w+),', text); regs[d[1]] = (sy[3], sy[4]+add); res.append((sy[3], sy[4]+add, 'addr', sy[0]))
                elif t in (286, 285, 284, 278):
                    res.append((sy[3], sy[4]+add, 'load', sy[0]))
            elif not self.x86:
                m = re.match(r'add\s+(\w+), (\w+), #(0x[0-9a-f]+)$', text)
                if m and m[2] in regs:
                    # From a section's anchor: the sum is the place, the anchor is none.
                    s, p = regs[m[2]]; regs[m[1]] = (s, p+int(m[3], 16)); res = [x for x in res if x != (s, p, 'addr', self.names[s])]
                    res.append((s, p+int(m[3], 16), 'addr', ''))
                m = re.match(r'add\s+(\w+), (\w+), w\d+, \wxt\w( #3)?$', text)
                if m and m[2] in regs: regs[m[1]] = regs[m[2]]
                m = re.match(r'ldu?r\s+(x\d+), \[(x\d+)(?:, #(-?\d+))?\]', text)
                if m and m[2] in regs: s, p = regs[m[2]]; res.append((s, p+int(m[3] or 0), 'load', ''))
        return res
    def data_target(self, sec, off):
        r = self.rel.get(sec, {}).get(off)
        if not r: return None
        t, sy, add = r
        if sy[3] == 0: return sy[0]
        return self.at(sy[3], sy[4]+add) or ('data', sy[3], sy[4]+add)
    def object_at(self, sec, place):
        for n, t, b, shn, val, size in self.syms:
            if t == 1 and shn == sec and val <= place < val+size: return range(val, val+size, 8)
        # merged constants have no symbol, take the place itself
        return range(place, place+8, 8)
    def indirect(self, f):
        return [a for s, a in self.body(f) if self.kind(self.ins[s][a]) in ('icall', 'ijump')] + [e for e in self.edges(f) if e[1].startswith('__x86_indirect')]
    def ops(self, f, deep=False):
        if not self.indirect(f): return set()
        res = set()
        for sec, place, how, _ in self.slots(f):
            if sec == 0 or sec >= len(self.sec): continue
            if how == 'load' or deep:
                for p in (self.object_at(sec, place) if deep else [place]):
                    t = self.data_target(sec, p)
                    if isinstance(t, str): res.add(t)
                    elif t and deep:
                        for q in self.object_at(t[1], t[2]):
                            u = self.data_target(t[1], q)
                            if isinstance(u, str): res.add(u)
        return res
    def table(self, name):
        i = self.names.index(name); s = self.sec[i]; assert s['size'] % 12 == 0
        rows = []
        for o in range(0, s['size'], 12):
            v, n, ns = (self.rel[i][o+4*k] for k in range(3))
            strings = lambda r: self.cstr(self.sec[r[1][3]]['off'] + r[1][4] + r[2])
            assert strings(ns) == ''
            rows.append((strings(n), v[1], v[2]))
        assert rows == sorted(rows, key=lambda r: r[0].encode()), name
        return {r[0]: r for r in rows}

def closure(o, f, deep):
    seen, todo = set(), [f]
    while todo:
        g = todo.pop()
        if g in seen: continue
        seen.add(g)
        if g in o.funcs: todo += [e[1] for e in o.edges(g)] + list(o.ops(g, deep))
    return seen

bad = 0
stats = {}
for fixture, objs in (('shapes', ['x86_64','x86_64-fentry','x86_64-mitigated','x86_64-frame','x86_64-clang','arm64','arm64-mitigated','arm64-frame','arm64-clang']), ('hmm', ['x86_64','arm64'])):
  rows = [l.rstrip('\n').split('\t') for l in open(f'{out}/{fixture}.expected')]
  sv = [l.rstrip('\n').split('\t') for l in open(f'{out}/{fixture}.symvers')]
  assert all(len(r) == 5 for r in rows) and all(len(r) == 5 for r in sv)
  assert len({r[1] for r in rows}) == len(rows)
  gplonly = {r[1] for r in sv if r[3] == 'EXPORT_SYMBOL_GPL'}; known = {r[1] for r in sv}
  for v in objs:
    o = Obj(f'{out}/{fixture}-{v}.ko'); clang = 'clang' in v; frame = 'frame' in v
    def fail(*a):
        global bad; bad += 1; print(fixture, v, *a)
    plain, gpl = o.table('__ksymtab'), o.table('__ksymtab_gpl')
    undefined = {s[0] for s in o.syms if s[3] == 0 and s[0]}
    nobody = undefined - known
    targets = {s for s in gplonly | nobody if not s.startswith(('__rcu', 'rcu_'))}
    if any(not (s.startswith('hidden_') or s in ('walk_page_range','alloc_pages_vma')) for s in nobody): fail('unknown', nobody)
    tm = next(s for s in o.sec if s['name'] == '.gnu.linkonce.this_module')
    if tm['size'] != 0x400 or o.cstr(tm['off']+24) != fixture: fail('this_module')
    mi = next(s for s in o.sec if s['name'] == '.modinfo'); info = o.d[mi['off']:mi['off']+mi['size']].split(b'\0')
    for want in (b'license=GPL', b'name='+fixture.encode()):
        if want not in info: fail('modinfo', info)
    if not any(i.startswith(b'vermagic=') for i in info): fail('vermagic')
    if any(s['name'].startswith('.debug') for s in o.sec): fail('debug')
    if len(o.d) > 200*1024: fail('size')
    exported = set(plain) | set(gpl)
    listed = {r[1] for r in rows}
    if exported - listed: fail('not listed', exported - listed)
    addresses = collections.Counter(o.funcs[e][:2] for e in exported)
    own_counts = {}
    for family, name, code, symbols, paths in rows:
        sy = [] if symbols == '-' else symbols.split(',')
        if name not in o.funcs: fail(name, 'no function'); continue
        fam = family.split('-', 1)[1] if '-' in family else family
        fam = fam.removeprefix('hidden-')
        table = None if family.startswith('13') else 'gpl' if name.startswith('gpl_export') or name in ('alias_for_gpl','hmm_devmem_map') else 'plain'
        for t, tab in (('plain', plain), ('gpl', gpl)):
            if (name in tab) != (t == table): fail(name, 'tables')
        if table:
            r = (plain if table == 'plain' else gpl)[name]
            if (r[1][3], r[1][4]+r[2]) != o.funcs[name][:2]: fail(name, 'entry')
        if addresses[o.funcs[name][:2]] > 1 and not family.startswith('10') and name != 'alias_for_gpl': fail(name, 'merged with another')
        deep = fam == 'ops-deep'
        reach = closure(o, name, deep)
        if any(x.startswith('?') for x in reach): fail(name, 'odd', reach)
        got = reach & targets
        own = [x for x in reach if x in o.funcs]
        count = sum(1 for g in own for s, a in o.body(g) if o.kind(o.ins[s][a]) not in ('nop',) and o.ins[s][a].split()[0] != 'int3')
        work = sum(1 for g in own for s, a in o.body(g) if o.kind(o.ins[s][a]) == 'work')
        own_counts[name] = (code, family, count, work)
        if name.startswith('register_'):
            if got: fail(name, 'reaches', got)
            refs = set()
            for sec, place, how, _ in o.slots(name):
                if sec and sec < len(o.sec):
                    for p in o.object_at(sec, place):
                        t = o.data_target(sec, p)
                        if isinstance(t, str): refs |= closure(o, t, False) & targets
            if refs != set(sy): fail(name, 'refers', refs)
            continue
        if got != set(sy): fail(name, 'reaches', got, 'not', sy)
        others = {x for x in undefined & reach if not PLUMB.match(x)} - targets
        if code != 'none' and others: fail(name, 'also', others)
        if code == 'none': continue
        if any((s in nobody) != (code == 'exposes-unexported') for s in sy): fail(name, 'kind')
        hold = {}
        for path in paths.split('; '):
            way = path.split(' > '); sym = way[-1]
            if way[0] != name or sym not in sy: fail(name, 'path', path)
            if '*' in way:
                hold[sym] = [g for g in own if sym in {e[1] for e in o.edges(g)}]
            else:
                for a, b in zip(way, way[1:]):
                    nxt = {e[1] for e in o.edges(a)} if a in o.funcs else set()
                    same = {x for x in o.funcs if o.funcs[x][:2] in {o.funcs[n][:2] for n in nxt if n in o.funcs}}
                    nxt |= same
                    direct = b in nxt
                    if not direct and f'{a}.cold' in o.funcs and b in {e[1] for e in o.edges(f'{a}.cold')}: direct = True
                    if not direct and not (b in o.ops(a, deep)): fail(name, 'no step', a, b)
                hold[sym] = [way[-2]]
        E = {g: o.edges(g) for g in own}
        if fam == 'direct' and not any(e[0] == 'call' and e[1] in sy for e in E[name]): fail(name, 'no call')
        if fam == 'direct' and any(e[0] != 'call' and e[1] in sy for e in E[name]): fail(name, 'a jump', E[name])
        if fam == 'tail' and not frame:
            if {e[0] for e in E[name] if e[1] in sy} - {'jump', 'cond'}: fail(name, 'no tail call', E[name])
        if fam == 'helper' and not any(e[1] in own for e in E[name]): fail(name, 'inlined')
        if fam == 'jump-label':
            f = hold[sy[0]][0]
            sites = [(s, a) for s, a in o.body(f) if o.labels(s, a)]
            if len(sites) != 1: fail(name, 'labels', len(sites))
            else:
                k = o.kind(o.ins[sites[0][0]][sites[0][1]])
                jumpy = name.startswith(('label_jumped', 'label_out_of_line_jump'))
                if k != ('jump' if jumpy else 'nop'): fail(name, 'instruction', k)
                for s in sy:
                    call = [(sec, a) for g in (f, f+'.cold') if g in o.funcs for kk, t, a in o.edges(g) for sec in [o.funcs[g][0]] if t == s]
                    now, then = (any(c in o.reachable(f, p) for c in call) for p in (False, True))
                    likely = name in ('label_likely','label_likely_call','hidden_by_likely_label','label_out_of_line_jump') or (name == 'label_both_sides' and s == 'gpl_start')
                    if (now, then) != (likely, not likely): fail(name, s, 'side', now, then)
        if fam.startswith('ops'):
            if any(e[1] in sy for e in E[name]): fail(name, 'folded')
            if name != 'ops_in_helper' and not o.indirect(name): fail(name, 'no indirect')
            if 'mitigated' in v and o.x86 and not any(e[1].startswith('__x86_indirect_thunk') for g in own for e in E[g]): fail(name, 'no retpoline')
        if fam == 'clone' and not clang:
            kind = next((k for k in ('constprop', 'isra', 'part') if k in name), 'constprop')
            if not any('.'+kind in g for g in own): fail(name, 'no clone', own)
            if any(e[1] in sy for e in E[name]): fail(name, 'inlined')
        if fam == 'cold' and not clang and v != 'arm64-frame':
            if name+'.cold' not in o.funcs: fail(name, 'no .cold')
            for path in paths.split('; '):
                if '*' in path and name != 'cold_helper':
                    s = path.split(' > ')[-1]
                    if not any(e[1] == s for e in o.edges(name+'.cold')): fail(name, 'not in .cold')
        if fam == 'static-call' and o.x86:
            t = [e[1] for e in E[name] if e[1].startswith('__SCT__')]
            if not t or any(e[1] in sy for e in E[name]): fail(name, 'no trampoline')
            elif not [e for e in o.edges(t[0]) if e[0] == 'jump']: fail(name, 'trampoline')
        if fam == 'lock':
            f = hold[sy[0]][0]
            seq = [e[1] for e in sorted(o.edges(f), key=lambda e: e[2]) if not e[1].startswith(('__fentry', '__x86_ret'))]
            first = [i for i, x in enumerate(seq) if x.endswith('_lock')]; last = [i for i, x in enumerate(seq) if 'unlock' in x]
            at = seq.index(sy[0])
            if not last or (not first and 'strict' not in name): fail(name, 'locks', seq)
            elif 'then_tail' in name: pass
            elif (first and first[0] > at) or (last[-1] < at and not clang and 'checked' not in name): fail(name, 'order', seq)
        if fam == 'alias':
            twins = [s[0] for s in o.syms if s[0] != name and s[1] == 2 and (s[3], s[4]) == o.funcs[name][:2]]
            if name.startswith(('alias', 'weak_alias', 'hidden_by_alias')) and not twins and not (clang and name == 'alias_of_static'): fail(name, 'no alias')
            if name.startswith('weak') and o.funcs[name][3] != 2: fail(name, 'not weak')
            if name == 'twin_second' and not clang and not any(e[1] in own and e[1] in {x[1] for x in o.edges('twin_first')} for e in E[name]): fail(name, 'no twin')
    small = sorted(((c, n) for n, (code, f, c, w) in own_counts.items() if code != 'none'), reverse=True)
    big = sorted((w, n) for n, (code, f, c, w) in own_counts.items() if n.startswith('work_') or n == 'hmm_devmem_place')
    wk = sorted(((w, n) for n, (code, f, c, w) in own_counts.items() if code != 'none'), reverse=True)
    print(f'{fixture}-{v}: positives at most {small[:4]} instructions, of which neither branch nor nop {wk[:4]}; real work at least {big[:4]}')
    if big[0][0] <= 40: fail('small', big[0])
print('failures:', bad)
sys.exit(bad > 0)
