# A quantity of tensors, layer by step.
# Draw it:  gnuplot -e "format='png'" layers.gp   (svg, png or pdf; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 673,358 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 2102,1119 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 17.8cm,9.472cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (!exists('picture')) picture = 'layers.'.format # '': the standard output
if (picture ne '') { set output picture }

set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# axis labels
set label "step" at screen 0.4694, screen 0.0223 center noenhanced font sprintf(',%.3g', 8 * pt)

set multiplot
# the scale of colours: viridis, light is high
set palette defined (0 '#440154', 1 '#472d7b', 2 '#3b528b', 3 '#2c728e', 4 '#21918c', 5 '#28ae80', 6 '#5ec962', 7 '#addc30', 8 '#fde725')
set colorbox user origin screen 0.9133, screen 0.0818 size screen 0.0143, screen 0.8754 noborder
set logscale cb
set cbrange [0.00841384353:0.203636034]
set cbtics nomirror out offset 0,0 norotate ("" 0.009 1, "0.01" 0.01, "0.02" 0.02, "" 0.03 1, "" 0.04 1, "0.05" 0.05, "" 0.06 1, "" 0.07 1, "" 0.08 1, "" 0.09 1, "0.1" 0.1, "0.2" 0.2) font ticks
set label "norm of gradients" at screen 0.9857, screen 0.5195 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)
unset border; set tics scale 0
# step layer left right bottom top value
$box1 << EOD
 12.5 0 0 27.5 -0.5 0.6 0.09467787739410936
 12.5 1 0 27.5 0.5 1.5 0.009467787739410944
 40 0 25 58 -0.5 0.6 0.12049911669890323
 40 1 25 58 0.5 1.5 0.01204991166989032
 70 0 55 88 -0.5 0.6 0.14632035594859077
 70 1 55 88 0.5 1.5 0.014632035594859075
 92.5 0 85 100 -0.5 0.6 0.1721415956738931
 92.5 1 85 100 0.5 1.5 0.01721415956738931
EOD
# panel 1: BN, batch size 64
set label "BN, batch size 64" at screen 0.1751, screen 0.9803 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("" 0, "" 20, "" 40, "" 60, "" 80, "" 100) font ticks
set lmargin at screen 0.0398; set rmargin at screen 0.3103; set bmargin at screen 0.5505; set tmargin at screen 0.9572
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("" 0, "" 20, "" 40, "" 60, "" 80, "" 100) font ticks
unset logscale y
set yrange [-0.5:1.5]
set ytics nomirror out offset 0.9,0 norotate ("fc1" 0, "fc2" 1) font ticks
plot NaN notitle, \
     $box1 using 1:2:3:4:5:6:7 with boxxyerror fillstyle solid noborder linecolor palette notitle
unset colorbox
unset label; unset arrow; unset object

# step layer left right bottom top value
$box2 << EOD
 12.5 0 0 27.5 -0.5 0.6 0.09467787739410936
 12.5 1 0 27.5 0.5 1.5 0.009467787739410944
 40 0 25 58 -0.5 0.6 0.12049911669890323
 40 1 25 58 0.5 1.5 0.01204991166989032
 70 0 55 88 -0.5 0.6 0.14632035594859077
 70 1 55 88 0.5 1.5 0.014632035594859075
 92.5 0 85 100 -0.5 0.6 0.1721415956738931
 92.5 1 85 100 0.5 1.5 0.01721415956738931
EOD
# panel 2: BN, batch size 2
set label "BN, batch size 2" at screen 0.4694, screen 0.9803 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("" 0, "" 20, "" 40, "" 60, "" 80, "" 100) font ticks
set lmargin at screen 0.3341; set rmargin at screen 0.6047; set bmargin at screen 0.5505; set tmargin at screen 0.9572
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("" 0, "" 20, "" 40, "" 60, "" 80, "" 100) font ticks
unset logscale y
set yrange [-0.5:1.5]
set ytics nomirror out offset 0.9,0 norotate ("" 0, "" 1) font ticks
plot NaN notitle, \
     $box2 using 1:2:3:4:5:6:7 with boxxyerror fillstyle solid noborder linecolor palette notitle
unset colorbox
unset label; unset arrow; unset object

# step layer left right bottom top value
$box3 << EOD
 12.5 0 0 27.5 -0.5 0.6 0.09467787739410936
 12.5 1 0 27.5 0.5 1.5 0.009467787739410944
 40 0 25 58 -0.5 0.6 0.12049911669890323
 40 1 25 58 0.5 1.5 0.01204991166989032
 70 0 55 88 -0.5 0.6 0.14632035594859077
 70 1 55 88 0.5 1.5 0.014632035594859075
 92.5 0 85 100 -0.5 0.6 0.1721415956738931
 92.5 1 85 100 0.5 1.5 0.01721415956738931
EOD
# panel 3: LN, batch size 64
set label "LN, batch size 64" at screen 0.7638, screen 0.9803 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("" 0, "" 20, "" 40, "" 60, "" 80, "" 100) font ticks
set lmargin at screen 0.6285; set rmargin at screen 0.8991; set bmargin at screen 0.5505; set tmargin at screen 0.9572
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("" 0, "" 20, "" 40, "" 60, "" 80, "" 100) font ticks
unset logscale y
set yrange [-0.5:1.5]
set ytics nomirror out offset 0.9,0 norotate ("" 0, "" 1) font ticks
plot NaN notitle, \
     $box3 using 1:2:3:4:5:6:7 with boxxyerror fillstyle solid noborder linecolor palette notitle
unset colorbox
unset label; unset arrow; unset object

# step layer left right bottom top value
$box4 << EOD
 12.5 0 0 27.5 -0.5 0.6 0.09467787739410936
 12.5 1 0 27.5 0.5 1.5 0.009467787739410944
 40 0 25 58 -0.5 0.6 0.12667723900000002
 40 1 25 58 0.5 1.5 0.012667723899999999
 70 0 55 88 -0.5 0.6 0.15382236099999996
 70 1 55 88 0.5 1.5 0.015382236099999995
 92.5 0 85 100 -0.5 0.6 0.180967484
 92.5 1 85 100 0.5 1.5 0.018096748400000005
EOD
# panel 4: LN, batch size 2
set label "LN, batch size 2" at screen 0.1751, screen 0.5117 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("0" 0, "20" 20, "40" 40, "60" 60, "80" 80, "100" 100) font ticks
set lmargin at screen 0.0398; set rmargin at screen 0.3103; set bmargin at screen 0.0818; set tmargin at screen 0.4886
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("0" 0, "20" 20, "40" 40, "60" 60, "80" 80, "100" 100) font ticks
unset logscale y
set yrange [-0.5:1.5]
set ytics nomirror out offset 0.9,0 norotate ("fc1" 0, "fc2" 1) font ticks
plot NaN notitle, \
     $box4 using 1:2:3:4:5:6:7 with boxxyerror fillstyle solid noborder linecolor palette notitle
unset colorbox
unset label; unset arrow; unset object

# step layer left right bottom top value
$box5 << EOD
 12.5 0 0 27.5 -0.5 0.6 0.09467787739410936
 12.5 1 0 27.5 0.5 1.5 0.009467787739410944
 40 1 25 58 0.5 1.5 0.01204991166989032
 70 0 55 88 -0.5 0.6 0.14632035594859077
 70 1 55 88 0.5 1.5 0.014632035594859075
 92.5 0 85 100 -0.5 0.6 0.1721415956738931
 92.5 1 85 100 0.5 1.5 0.01721415956738931
EOD
# step layer left right bottom top: 0
$zero5 << EOD
 40 0 25 58 -0.5 0.6
EOD
# panel 5: no norm, batch size 64
set label "no norm, batch size 64" at screen 0.4694, screen 0.5117 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("0" 0, "20" 20, "40" 40, "60" 60, "80" 80, "100" 100) font ticks
set lmargin at screen 0.3341; set rmargin at screen 0.6047; set bmargin at screen 0.0818; set tmargin at screen 0.4886
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("0" 0, "20" 20, "40" 40, "60" 60, "80" 80, "100" 100) font ticks
unset logscale y
set yrange [-0.5:1.5]
set ytics nomirror out offset 0.9,0 norotate ("" 0, "" 1) font ticks
plot NaN notitle, \
     $box5 using 1:2:3:4:5:6:7 with boxxyerror fillstyle solid noborder linecolor palette notitle, \
     $zero5 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#C0C0C0' notitle
unset colorbox
unset label; unset arrow; unset object

# step layer left right bottom top value
$box6 << EOD
 12.5 0 0 27.5 -0.5 0.6 0.09467787739410936
 12.5 1 0 27.5 0.5 1.5 0.009467787739410944
 40 1 25 58 0.5 1.5 0.01204991166989032
 70 0 55 88 -0.5 0.6 0.14632035594859077
 70 1 55 88 0.5 1.5 0.014632035594859075
 92.5 0 85 100 -0.5 0.6 0.1721415956738931
 92.5 1 85 100 0.5 1.5 0.01721415956738931
EOD
# step layer left right bottom top: 0
$zero6 << EOD
 40 0 25 58 -0.5 0.6
EOD
# panel 6: no norm, batch size 2
set label "no norm, batch size 2" at screen 0.7638, screen 0.5117 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("0" 0, "20" 20, "40" 40, "60" 60, "80" 80, "100" 100) font ticks
set lmargin at screen 0.6285; set rmargin at screen 0.8991; set bmargin at screen 0.0818; set tmargin at screen 0.4886
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("0" 0, "20" 20, "40" 40, "60" 60, "80" 80, "100" 100) font ticks
unset logscale y
set yrange [-0.5:1.5]
set ytics nomirror out offset 0.9,0 norotate ("" 0, "" 1) font ticks
plot NaN notitle, \
     $box6 using 1:2:3:4:5:6:7 with boxxyerror fillstyle solid noborder linecolor palette notitle, \
     $zero6 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#C0C0C0' notitle
unset colorbox
unset label; unset arrow; unset object

unset multiplot
