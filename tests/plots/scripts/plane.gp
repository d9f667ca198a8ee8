# The loss in a plane of the parameters.
# Draw it:  gnuplot -e "format='png'" plane.gp   (svg, png or pdf; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 673,439 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 2102,1371 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 17.8cm,11.61cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (!exists('picture')) picture = 'plane.'.format # '': the standard output
if (picture ne '') { set output picture }

set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# axis labels
set label "first direction (lengths of the filters)" at screen 0.4868, screen 0.0182 center noenhanced font sprintf(',%.3g', 8 * pt)
set label "second direction" at screen 0.0103, screen 0.5159 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)

set multiplot
# the scale of colours: viridis, light is high
set palette defined (0 '#440154', 1 '#472d7b', 2 '#3b528b', 3 '#2c728e', 4 '#21918c', 5 '#28ae80', 6 '#5ec962', 7 '#addc30', 8 '#fde725')
set colorbox user origin screen 0.9395, screen 0.0668 size screen 0.0143, screen 0.8984 noborder
unset logscale cb
set cbrange [2.3:7.7]
set cbtics nomirror out offset 0,0 norotate ("3" 3, "4" 4, "5" 5, "6" 6, "7" 7) font ticks
set label "loss" at screen 0.9857, screen 0.5159 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)
# first second loss
$plane1 << EOD
 0 0 2.5
 -1 0.2 7.5
EOD
# panel 1: BN, batch size 64
set label "BN, batch size 64" at screen 0.1865, screen 0.9839 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [-1.1:1.1]
set xtics nomirror out offset 0,0.5*up norotate ("" -1, "" 0, "" 1) font ticks
set lmargin at screen 0.0483; set rmargin at screen 0.3248; set bmargin at screen 0.5412; set tmargin at screen 0.9651
unset logscale x
set xrange [-1.1:1.1]
set xtics nomirror out offset 0,0.5*up norotate ("" -1, "" 0, "" 1) font ticks
unset logscale y
set yrange [-1.1:1.1]
set ytics nomirror out offset 0.9,0 norotate ("-1" -1, "0" 0, "1" 1) font ticks
plot NaN notitle, \
     $plane1 using 1:2:(0.104):(0.104):3 with boxxyerror fillstyle solid noborder linecolor palette notitle, \
     '+' using (0):(0) every ::0::0 with points pointtype 1 linecolor rgb '#FFFFFF' notitle
unset colorbox
unset label; unset arrow; unset object

# first second loss
$plane2 << EOD
 0 0 2.5
 -1 0.2 7.5
EOD
# panel 2: BN, batch size 2
set label "BN, batch size 2" at screen 0.4868, screen 0.9839 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [-1.1:1.1]
set xtics nomirror out offset 0,0.5*up norotate ("" -1, "" 0, "" 1) font ticks
set lmargin at screen 0.3485; set rmargin at screen 0.6250; set bmargin at screen 0.5412; set tmargin at screen 0.9651
unset logscale x
set xrange [-1.1:1.1]
set xtics nomirror out offset 0,0.5*up norotate ("" -1, "" 0, "" 1) font ticks
unset logscale y
set yrange [-1.1:1.1]
set ytics nomirror out offset 0.9,0 norotate ("" -1, "" 0, "" 1) font ticks
plot NaN notitle, \
     $plane2 using 1:2:(0.104):(0.104):3 with boxxyerror fillstyle solid noborder linecolor palette notitle, \
     '+' using (0):(0) every ::0::0 with points pointtype 1 linecolor rgb '#FFFFFF' notitle
unset colorbox
unset label; unset arrow; unset object

# first second loss
$plane3 << EOD
 0 0 2.5
EOD
# panel 3: LN, batch size 64
set label "LN, batch size 64" at screen 0.7870, screen 0.9839 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [-1.1:1.1]
set xtics nomirror out offset 0,0.5*up norotate ("" -1, "" 0, "" 1) font ticks
set lmargin at screen 0.6488; set rmargin at screen 0.9253; set bmargin at screen 0.5412; set tmargin at screen 0.9651
unset logscale x
set xrange [-1.1:1.1]
set xtics nomirror out offset 0,0.5*up norotate ("" -1, "" 0, "" 1) font ticks
unset logscale y
set yrange [-1.1:1.1]
set ytics nomirror out offset 0.9,0 norotate ("" -1, "" 0, "" 1) font ticks
plot NaN notitle, \
     $plane3 using 1:2:(0.104):(0.104):3 with boxxyerror fillstyle solid noborder linecolor palette notitle, \
     '+' using (0):(0) every ::0::0 with points pointtype 1 linecolor rgb '#FFFFFF' notitle
unset colorbox
unset label; unset arrow; unset object

# first second loss
$plane4 << EOD
 0 0 2.5
EOD
# panel 4: LN, batch size 2
set label "LN, batch size 2" at screen 0.1865, screen 0.5095 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [-1.1:1.1]
set xtics nomirror out offset 0,0.5*up norotate ("-1" -1, "0" 0, "1" 1) font ticks
set lmargin at screen 0.0483; set rmargin at screen 0.3248; set bmargin at screen 0.0668; set tmargin at screen 0.4907
unset logscale x
set xrange [-1.1:1.1]
set xtics nomirror out offset 0,0.5*up norotate ("-1" -1, "0" 0, "1" 1) font ticks
unset logscale y
set yrange [-1.1:1.1]
set ytics nomirror out offset 0.9,0 norotate ("-1" -1, "0" 0, "1" 1) font ticks
plot NaN notitle, \
     $plane4 using 1:2:(0.104):(0.104):3 with boxxyerror fillstyle solid noborder linecolor palette notitle, \
     '+' using (0):(0) every ::0::0 with points pointtype 1 linecolor rgb '#FFFFFF' notitle
unset colorbox
unset label; unset arrow; unset object

# first second loss
$plane5 << EOD
 0 0 2.5
 -1 0.2 7.5
EOD
# panel 5: no norm, batch size 64
set label "no norm, batch size 64" at screen 0.4868, screen 0.5095 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [-1.1:1.1]
set xtics nomirror out offset 0,0.5*up norotate ("-1" -1, "0" 0, "1" 1) font ticks
set lmargin at screen 0.3485; set rmargin at screen 0.6250; set bmargin at screen 0.0668; set tmargin at screen 0.4907
unset logscale x
set xrange [-1.1:1.1]
set xtics nomirror out offset 0,0.5*up norotate ("-1" -1, "0" 0, "1" 1) font ticks
unset logscale y
set yrange [-1.1:1.1]
set ytics nomirror out offset 0.9,0 norotate ("" -1, "" 0, "" 1) font ticks
plot NaN notitle, \
     $plane5 using 1:2:(0.104):(0.104):3 with boxxyerror fillstyle solid noborder linecolor palette notitle, \
     '+' using (0):(0) every ::0::0 with points pointtype 1 linecolor rgb '#FFFFFF' notitle
unset colorbox
unset label; unset arrow; unset object

# first second loss
$plane6 << EOD
 0 0 2.5
 -1 0.2 7.5
EOD
# panel 6: no norm, batch size 2
set label "no norm, batch size 2" at screen 0.7870, screen 0.5095 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [-1.1:1.1]
set xtics nomirror out offset 0,0.5*up norotate ("-1" -1, "0" 0, "1" 1) font ticks
set lmargin at screen 0.6488; set rmargin at screen 0.9253; set bmargin at screen 0.0668; set tmargin at screen 0.4907
unset logscale x
set xrange [-1.1:1.1]
set xtics nomirror out offset 0,0.5*up norotate ("-1" -1, "0" 0, "1" 1) font ticks
unset logscale y
set yrange [-1.1:1.1]
set ytics nomirror out offset 0.9,0 norotate ("" -1, "" 0, "" 1) font ticks
plot NaN notitle, \
     $plane6 using 1:2:(0.104):(0.104):3 with boxxyerror fillstyle solid noborder linecolor palette notitle, \
     '+' using (0):(0) every ::0::0 with points pointtype 1 linecolor rgb '#FFFFFF' notitle
unset colorbox
unset label; unset arrow; unset object

unset multiplot
