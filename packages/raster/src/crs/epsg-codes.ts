/**
 * The kinds of EPSG's codes: made by the generator make-epsg-codes from epsg-index 2.0.0; not to be edited.
 * Each kind has its runs of codes, `gap+more` in base 36: the gap since the last code, and how many more follow.
 */
export const epsgRuns: Readonly<
  Record<'projected' | 'geographic' | 'geocentric' | 'vertical' | 'engineering', string>
> = {
  projected:
    '1jk+7 2+q 4+n 3+j 3+3 3+19 g 3+5 2+1 4 3+8 8+2 3 2+3 2+d 2+s 3+18 4+2 3 2 2+2o 2+2i 3+1j ' +
    '2+p 2+l 2+2k 2+5d 3+16 2+8 2+s 2+3 2+1 4+3 3+1a 3+9 3+k 2+1 2+p 4+10 2+1 3+1 3+4h 3+w ' +
    '2+5 3 2+5 2+14 6+14 2+88 2+k 2+2 2+2 2+1 4+3 2+9 a 2+2 9+4 3+9 3+8 2 3 g+c 5+3 j 8 m+8 ' +
    'i+2 6 2+1 7+3 2+6 t b+1 a+3 5+7 8 b+1 4 6+3 3d 4t+p 2+h 3+2 g+2 5 5 4 d+5 2+1r 5 9+l 1m ' +
    '5+4 32+y c a 4 d 4v+4 n+1 6 l+3 x+p 11+l x 2+2 9+1 8 4 6+6 7 3+6 h+j 5 4+1 4 4+2 6 6+6 ' +
    '6+2 4+1 5 f+1 4 2 7 1o+1 2+4 6 3 7+3 8 n+3 2+2 3 7+1 2+6 b+2 7 3+7 j+1 7 r+2 2 2 2+8 2 ' +
    '2+1 2 3+6 4 4+h 2+3 f 3h b+1 2 3 2 e h+2 2+1 7 9+3 m+j 32+23 3+1 20+1 2 6+1 x+v w 5 4 ' +
    'c+k 2+6 6 4+6 9+6 4 2+3f 2+2d 2+w 9 n+n b 4+2 b+3 d+2 1a+27 4+1 2 5+1 3+1 4+3 s 7+3 6+2 ' +
    't 4 i 7 e+2 1e+d 4+7 s+j 3+1 a 37+35 4+2 48+39 1b+4 1n+w 4+4 4+2 2 2 k+6 e+e i+1 4+1 4 c ' +
    '2k+1 l+j 3+1 8+1 d+1 6+3 e+1 5 2+3 2+26 4 2+3 2+1 2 2 2 2 3+2 2+a 2+2 2 2 2 2 2+2 2d+11 ' +
    '4+1 q+6 2 4 4 12 8 e+1 1q+b 2 2+3 2+2 3t+2 3 4+1 5+1 3p a+4 h+2 18 5+2 14+1 2g+1 2t 8+1 ' +
    '4+5 w e+d 3+1 r+1 2 2 b 6+2 b+1 a+2 3 b 17 2+4 7 6 4 a 4 d+3 1d h 3+6 5+7 4 1f 3h 4 2 ' +
    'h+2 a 3+1 3 p 7+1 c 5 r+1 r+18 4 5+1 5 f 1c 2 2 k 5 5 7qh 2+s a 5+3 c+1 20+3 33+9 2j+7 ' +
    '28+4 1n 13+1 6z+1 v+2 28+s 2+2 1w+s 3+2 1m+2 1f+2 1l+1l r+1 f+1l 1d+a u+a 11 7s+2 10 ' +
    '26+3 3p+1 1m+1 27+6 4+6 4+6 a+f c+1 4+1 3+7 c+3 a 2 2 2 2 2 2 2 2 2 7 7+f a 5+1 a+9 y+1 ' +
    'f+f 14+3 1k+4 2a+f h 2+5 2+9 17 7+f h n+3 5 a 5v+3 y+a 1g 5 40+1 cs 3m+m e+6 5+7 3+7 ' +
    '1g+2 2r+1 1g 2s 2x+1 5+2 t+5 n+d 39 1b+1 1g 3a+3 2o+4 1k+5 9+2 2z 6f 4g+4 c1+9 1b 1c ' +
    '77+1 2+1 16 2m+1 1n+2 6n 1o 9+l 7+h 2+c 6+x 1c+n l+8 2+m 6+h 2+u 2+i 15+1 28 28 5+r q+2 ' +
    'v+1 2r+7 v 1s 7 1p+3 7+3 3i dn+2 13 38+a 1a+s 4o av+1 31 1v+4 f+8 p+1 34 12 2 2 2 2 2 2 ' +
    '2 8s+1 10+1 32+1 l+3 r+2 76+i l 3v+1 47+3 6j+3 1n+1 6k 2l x g+1 28+8 m+9 a 1y 2o+3 m+4 ' +
    'x+1 1z 6m+1 1q 1s+12 2+c 2+9 2+1 2+2 2+n 4+3 e+5 c+2 4 3+n 3+q 2 3+3 e+i 2+1n 15+1n ' +
    '15+1n 15+1n 14+1p 3+3 x+1p 5 6cr uk+5 5f+a 88y+3 4+b 2+b 2+3 5+4 2+1 p+6 pl+3 4+b 2+b 2 ' +
    '8+4 2+5 l+6 a+1 7+3 8gg+1 2r qvt 1jj+4 2+w 2+4 f+4 4+b e+1 2+3 2+8 5+4 2+2 a+6 3+3 6 6+a ' +
    '2 5+6 c+7 6 8+1 2+2 2+9 3+2 4+3 7 1g 7 d 9+1 u+1 4+b e+u 2+h 2 5+3 2+c 2+1 5+j 2+1 6+1 ' +
    'q+1 2+1 l+6 6+r 9+2 4 p+b 8+2 b+1 2+1 n+2 6+7 2 f+1 5+1 6 q+2 5 x+4c 6 d 5c+2 1g+28 7 6 ' +
    '6 3+1 4+3 2 3 3 2 4+3 4 7 c 2+s 7 6 6 3+1 4+3 2 3 3 2 4+3 4 7 c 2+1j c+18 2+9 4+5f 1h ' +
    'q+f 1n h2xz',
  geographic:
    '2y3 2 2+1 1s+1 h 33 6 h 6 s+1 5+1 13+4 3+c 2+u 2+3 2+6 4+s 2+7 2 2+3 4+n 2+2 2+2 2+a 2+5 ' +
    '2+1 3+1 2 2+7 2+a 2+1 3 2 2 3t 3 3+1 2 3 5 2+1 7 1t 2+1 16+u 2+1 3+3 2+3 2 b+n 2+2 2+18 ' +
    '2+x 10+6 2+2 2+5 2+1 2+1 1n 2 2 2 2 2 2 3 2+1 2+1 3 2 c 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 ' +
    '2 2 2 2 2 2 2 4 4 2 2 2 2 2 2 2 2 2 2 2 2 d+1 3b 2o+1 4 c+1 5+1 b+1 1n+1 g 2 b+1 5+1 4+1 ' +
    '5+3 7+1 b+1 1m d 3 l+1 z 3 i+1 e+1 v+1 2g 45 1j+1 6w+1 20 2v+1 7+1 2+1 2+1 13+1 8e+1 ' +
    '11+1 24+1 2q+2 9 2 2g+1 6+1 18+8 u+1 b+3 1a 2+1 2+1 6h+1 7w 2 2 2 2 d 2 2+1 2+1 33+1 i ' +
    'r+1 10+1 4+1 e+c 3 2 2 2 2 2 2 2 2 33+1 16+1 41+1 3 2 2+1 4 2 2+1 2+1 2+1 2o 1c 4 n+2 ' +
    '2+1 33 2+1 3v+1 9 4+1 3a+1 16 s b+3 4+1 9 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2+1 n+s 2+1 2+1 ' +
    '2+1 2+3 2+3 y+4 2+a 2+1 2+1 1s+1 7+1 4+1 2n 3 2 e q+1 5 9+1 n+1 v 8 7+1 4 j 1e g+1 4+1 ' +
    '1z+1 44+1 5+1 11 f+1 3 5 d+3 2+3 2a 5 m 1a p 5 5 f+1 7qz 7+1 d35+6 5e+1 3+1 b 3 4 f+1 2 ' +
    '2 4 8 3 1cet 33c 8+1 4 2 4 j 3 1f+2 2+1 3 3+1 d+5 3+1 3+2 3d 9h b v+1 3 5 b t 3+1 3+2e m ' +
    '1s+7 i+2k 4+6',
  geocentric:
    '2y6 1t 35 13 y 6 aq 3 5 6 2 23 92 2 2 2 2 2 2 2+1 2 7 2 2+a 2 2 2 2 2 2 2 2 2 2 2 2 2 2 ' +
    '2 2 2 2 2 2 2 2 2 4 4 2 2 2 2 2 2 2 2 2 2 2 2 d 6h 6 c 1o a 9 b 6 5 5+1 a c 2o 1l e x 6l ' +
    '1k 6x 4w 8 3 3 14 8f 12 25 49 1b 7 2b 1r 3 6i 7x 2 2 2 2 d 2 2 3 2x 7 j r 11 5 u 2 2 2 2 ' +
    '2 2 2 2 4a 3z 3 3 5 4 5 3 3 40 4 o 4 34 2 3w e 3b 2a 7 a 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 ' +
    '1i 3 3 3 5 1j 3 1t 8 5 37 q f o 1b 2i 25 45 6 1h m 5 34 2o 7r7',
  vertical:
    '2z3 v e f0 i kf 2 j n 28 j 79 3+l 28+2 2+1 3+2i u 2 c i+d 1v 59+2 1a+9 4q+3 7q+6 3 1a+2 ' +
    '65 eq+1 5o+1 1b+1 7 3h 5 2 2 1b+2 20 6 8 3 1z+3 10 3v 12+1 2i+1 k 1k 6p f+1 46 14 g 7 7 ' +
    '63 37 a j 5 8+1 f w g 12+1 2+a 1d 7 d 4z+1 c 3 3 3 3 6 14+1 5l 4 7rt y+2',
  engineering: '4h4+3 5+9 oy rj in ef iac+3 4j+3',
};

/** Compound codes: `gap:horizontal:vertical` in base 36, the gap since the last one and the codes of the two parts. */
export const epsgCompounds: string =
  '30d:1uh:4et 1:3w8:4et 1:3w8:30c 5e:35p:4h3 1:35q:4h3 1:35r:4h3 1:35s:4h3 xu:43o:43p ' +
  '50:3al:4ef 1:37c:4ef 1:3o7:4ef 1i:jxj:4gn 1:jxk:4gn 1:jxl:4gn 16:4bg:4bh u:3kb:4bx ' +
  '1y:1nu:4ew 1:1nu:4ex 8:l9v:4ew 1:l9y:4ex 3t:2bi:4bx 1:2bj:4bx 1:2bk:4bx 1:2bl:4bx ' +
  '1:2bm:4bx 1:2bn:4bx 1:2bo:4bx 1:2bp:4bx 1:2bq:4bx 1:2br:4bx 1:2bs:4bx 1:2bt:4bx ' +
  '1:2bu:4bx 2d:3aa:4l1 3:3xt:4l1 1:3xu:4l1 1:3xv:4l1 1:3xw:4l1 1:3xx:4l1 1:3xy:4l1 ' +
  '1:3xz:4l1 1:3y0:4l1 1:3y1:4l1 1:3y2:4l1 1:3y3:4l1 1:3y4:4l1 1:3y5:4l1 1:3y6:4l1 ' +
  '1:3y7:4l1 1:3y8:4l1 1:3y9:4l1 1:3ya:4l1 1:3yb:4l1 1:3yc:4l1 1:3yd:4l1 1:3ye:4l1 ' +
  '1:3yf:4l1 1:3yg:4l1 1:3yh:4l1 1:3yi:4l1 1:jxj:4l1 1:jxk:4l1 1:jxl:4l1 1:jxm:4l1 ' +
  '1:jxn:4l1 1:jxo:4l1 4o:3aa:4gg 1:3xt:4gg 1:3xu:4gg 1:3xv:4gg 1:3xw:4gg 1:3xx:4gg ' +
  '1:3xy:4gg 1:3xz:4gg 1:3y0:4gg 1:3y1:4gg 1:3y2:4gg 1:3y3:4gg 1:3y4:4gg 1:3y5:4gg ' +
  '1:3y6:4gg 1:3y7:4gg 1:3y8:4gg 1:3y9:4gg 1:3ya:4gg 1:3yb:4gg 1:3yc:4gg 1:3yd:4gg ' +
  '1:3ye:4gg 1:3yf:4gg 1:3yg:4gg 1:3yh:4gg 1:3yi:4gg 1:jxj:4gg 1:jxk:4gg 1:jxl:4gg ' +
  '1:jxm:4gg 1:jxn:4gg 1:jxo:4gg e:o7e:4em 4f:4vi:4ef 8c:3k9:54n 1:2fm:54n 1:2fn:54n ' +
  '1:2fo:54n 1:2fp:54n 1:2a3:54n 1:2a4:54n 1:2a5:54n 1:2fq:54n 1:2fr:54n 1:2fs:54n ' +
  '1:2a6:54n 1:2a7:54n 1:2a8:54n 1:2a9:54n 1:2aa:54n 1:2wh:54n v:3k4:55y 1:558:55z ' +
  '3:3bh:55x 5d:2mb:2z3 o:3o5:5c4 a:2mu:5c4 d5:3pj:4ew 4:36k:4eu 1:ldg:4ed 1:3aj:4ee ' +
  '1:opx:4ee 2:3aa:4f6 1:36u:4f0 1:l9w:4ev 3:3bh:4ez 1:mdc:4el 1:jxk:4h3 1:jxl:4h3 ' +
  '1:1p0:4h3 1:1p1:4h3 1:1p2:4h3 1:l9w:4ew 1:l9x:4ew 1:3aa:4c5 er:62u:634 1:62z:635 ' +
  '1:633:636 ax:3nv:6dm 1:3nv:6dn a:3aa:6g5 a:2xw:4em 96:1pq:6ck 1:1pr:6ck 1:1ps:6ck ' +
  '1:1qj:6ck 1:1qk:6ck 1:1ql:6ck 1:1qo:6ck 1:1qx:6ck 1:1qy:6ck 1:1r1:6ck 1:1r2:6ck ' +
  '1:1r5:6ck 1:2nd:4wo 1:2ne:4wo 1:1pt:4wo 1:1pu:4wo 1:1pv:4wo 1:1pw:4wo 1:1px:4wo ' +
  '1:1py:4wo 1:1pz:4wo 1:1q0:4wo 1:1q1:4wo 1:1q2:4wo 1:1q3:4wo 1:1q6:4wo 1:1q4:4wo ' +
  '1:1q5:4wo 1:1q7:4wo 1:1q8:4wo 1:1q9:4wo 1:1qa:4wo 1:1qb:4wo 1:2nf:4wo 1:2ng:4wo ' +
  '1:2ad:4wo 1:2ae:4wo 1:2mx:4wo 1:2my:4wo 1:2mz:4wo 1:2n0:4wo 1:1qe:4wo 1:1qf:4wo ' +
  '1:2nv:4wo 1:2nw:4wo 1:kpr:4wo 1:kps:4wo 1:1qg:4wo 1:1qh:4wo 1:1qi:4wo 1:kpt:4wo ' +
  '1:kpu:4wo 1:kpv:4wo 1:1qm:4wo 1:1qn:4wo 1:kpw:4wo 1:2n1:4wo 1:2n2:4wo 1:2n3:4wo ' +
  '1:2nh:4wo 1:2n4:4wo 1:1qp:4wo 1:1qq:4wo 1:1qr:4wo 1:1qs:4wo 1:1qt:4wo 1:1qu:4wo ' +
  '1:1qv:4wo 1:1qw:4wo 1:2vq:4wo 1:2vr:4wo 1:1qz:4wo 1:1r0:4wo 1:1r3:4wo 1:1r4:4wo ' +
  '1:2ni:4wo 1:3ft:4wo 1:2nz:4wo 1:1r6:4wo 1:1r7:4wo 1:1r8:4wo 1:1r9:4wo 1:1ra:4wo ' +
  '1:1rb:4wo 1:2qw:4wo 1:2r2:4wo 1:2r3:4wo 1:4cu:4wo 1:1rf:4wo 1:1rg:4wo 1:1rh:4wo ' +
  '1:1ri:4wo 1:kpx:4wo 1:kpy:4wo 1:1rj:4wo 1:1rk:4wo 1:1rl:4wo 1:2vs:4wo 1:2vt:4wo ' +
  '1:2vu:4wo 1:2vv:4wo 1:ks1:4ef 1:ks2:4ef 1:ks3:4ef 1:ks4:4ef 1:ks5:4ef 1:ks6:4ef ' +
  '1:ks7:4ef 1:ks8:4ef 1:ks9:4ef 1:ksa:4ef 1:ksb:4ef 1:ksc:4ef 1:ktw:4ef 1:ktx:4ef ' +
  '1:kty:4ef 2p:6vg:6vj ae:3aa:4el 3:3aa:75z 1:3aa:760 g:76c:76f 1q:787:4ed 6:78d:4ed ' +
  'e:78r:4ed y:3aa:78t 1:3aa:78u 1:3aa:4ed 1:3aa:5y3 1:3aa:4fg 1:3aa:4fi 1:3aa:4fm ' +
  '1:3aa:4fq 1:3aa:4fp j:3aa:4f7 1:3aa:4f8 2:3aa:7aj 5:7ao:4ed 5:61w:7aq 1:61w:4en ' +
  '1:3az:4en 10:3aa:75m 1:3bs:75m 1:4qf:4qc 1:4qf:4qa 1:4qf:4qb 1:3aa:4gm 1:3aa:796 ' +
  '1:3aa:78y 1:3aa:78w 1:3aa:78x 1:35d:795 1:35d:790 1:35d:791 1:35d:793 1:35d:794 ' +
  '1:35d:78z 1:35d:792 1:632:636 1:3c6:2z3 1:4bd:4bh 1:779:77b 1:44c:753 1:4vi:54h ' +
  '1:4vi:54i 1:4vp:54k 1:4vp:54g 1:4vm:54j 1:37r:3fc 1:37r:61r 1:7b2:7b3 1:3kg:4fv ' +
  '1:48h:4fx 1:48h:4c0 1:48h:4c1 1:48h:4c3 1:48h:4c4 1:48h:71m 1:48h:4fw 1:7jl:4ew ' +
  '1:7jl:4ex 1:3nx:77r 1:3fz:4gw 1:3im:71m 1:6xy:75r 1:6d8:74t 34:7hi:7g2 1:7hi:7g3 ' +
  '1c:3c6:4eq 2:3c6:4gd 4:7hp:54n 3:7ht:54n 1:2fr:74t 8:3aa:40u 1:3aa:7i1 1:3aa:7i2 ' +
  'h:7il:4ed k:7j5:4ed 5:7ja:4ed i:7jq:4ew 2d:7m5:4ed b:7mg:4ed 2:3aa:7go e:1o9:4ge ' +
  'a:3aa:4em d:ldg:7aj 2:1nx:7aj 2:3aa:61p 4:4du:7nn 1:4dv:7nn 1:4dw:7nn 1:4dx:7nn ' +
  '1:4du:7nr 1:4dv:7nr 1:4dw:7nr 1:4dx:7nr 9:7o7:4ed 4:3lf:68p 1:43w:68p 1:68m:68p ' +
  '1:2cx:68p 1:43x:68p 1:68o:68p f:7ov:4ed 5:7p0:4ed 5:7p5:4ed 7qf:3aa:ffk 2:ffm:4ed ' +
  'y:6d2:fgi 1:6cw:fgj 5:7b2:fgk';
