# A formula for Homebrew on Linux, from a clone's own commits:
#
#   brew install --HEAD ./cmd/install/normlab.rb
#
# head names the clone that the formula lies in. Its syntax was checked (ruby -c); it has not been run yet.
class Normlab < Formula
  desc "Command-line laboratory for normalization in neural networks"
  license "MIT"
  head "file://#{File.expand_path("../..", __dir__)}", using: :git, branch: "main"

  depends_on "cmake" => :build
  depends_on "pkgconf" => :build
  depends_on "expat"
  depends_on "gnuplot"
  depends_on "libarchive"
  depends_on "libyaml"
  depends_on :linux
  depends_on "nettle"
  depends_on "openblas"
  depends_on "zlib"

  def install
    system "cmake", "-S", ".", "-B", "build", "-DNORMLAB_TESTS=OFF", "-DNORMLAB_CUDA=OFF", *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build", "--component", "program"
  end

  test do
    system bin/"normlab", "run", "mlp_digits", "train.epochs=1", "--out", testpath/"run"
    assert_path_exists testpath/"run/trials.csv"
  end
end
