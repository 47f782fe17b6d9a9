using StreamDiff.Models.Cuda;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// The kernels of Kernels/wan.cu with their sizes. Everything of a tick between its matrix products and its attention is one of four
/// launches: <see cref="ResidualNorm"/>, <see cref="NormRotate"/>, <see cref="CompareSinks"/>, <see cref="WriteCache"/> (for heads that
/// are split, two of those); attention in parts has <see cref="JoinAttention"/> behind it. They compute in float32 and round once, where
/// ATen rounds after each of its operations.
/// </summary>
internal sealed class TokenKernels(IKernels kernels, WanConfig config)
{
    /// <summary>Most sinks that are compared.</summary>
    public const int MostSinks = 32;

    // As in wan.cu.
    private const int Channels = 64;
    private const int BlockTokens = 4;
    private const int WriteThreads = 256;
    private const int WriteTokens = 8;
    private const int HeldPacks = 4;
    private const int JoinThreads = 256;

    private static readonly Lazy<string> Text = new(() => KernelSource.Of("wan"));

    private readonly int _tokenThreads = TokenThreads(config, kernels.MostThreads);
    private readonly int _chunks = (config.Dim + Channels - 1) / Channels;

    public IKernels Kernels => kernels;

    /// <summary>CUDA C++.</summary>
    public static string Source => Text.Value;

    /// <summary>The network's sizes for the compiler.</summary>
    public static IReadOnlyList<string> Macros(WanConfig config, ScalarType type, int mostThreads) =>
    [
        $"DIM={config.Dim}", $"HEADS={config.Heads}", $"TIME_PAIRS={new RotaryEmbedding3D(config.HeadDim).TimeWidth / 2}",
        $"VEC={Width(config)}", $"MOST_THREADS={mostThreads}", $"BFLOAT16={(type == ScalarType.BFloat16 ? 1 : 0)}",
    ];

    /// <summary>Floats that <see cref="CompareSinks"/> keeps for a row between its blocks.</summary>
    public int PartialSums(int sinks) => 2 * _chunks * (2 * sinks + 1);

    /// <summary>x += y * gate, and h = norm of x, modulated or with weight and bias.</summary>
    /// <param name="x">[rows * tokens, dim].</param>
    /// <param name="y">Same shape; null changes nothing.</param>
    /// <param name="gate">By which y is multiplied; default is 1.</param>
    /// <param name="norm">What becomes of the norm; null makes none.</param>
    /// <param name="h">Same shape; where the norm goes, in float8 if that has scales.</param>
    /// <param name="tokens">Tokens of a row.</param>
    public void ResidualNorm(Tensor x, Tensor? y, Modulator gate, Norm? norm, LayerInput h, int tokens)
    {
        Span<ulong> arguments =
        [
            Argument.Of(x), Argument.Of(y), gate.Time, gate.Base, norm?.Shift.Time ?? 0, norm?.Shift.Base ?? 0, norm?.Scale.Time ?? 0,
            norm?.Scale.Base ?? 0, Argument.Of(norm?.Weight), Argument.Of(norm?.Bias), norm is null ? 0 : Argument.Of(h.Values),
            h.Scales is null ? 0 : Argument.Of(h.Values), Argument.Of(h.Scales), Argument.Of(tokens),
            Argument.Of(6 * config.Dim), Argument.Of((float)config.Epsilon),
        ];
        kernels.Launch(
            "residual_norm", (BlocksOf(tokens, BlockTokens), (int)(x.numel() / config.Dim) / tokens, 1), _tokenThreads, arguments);
    }

    /// <summary>Rows in float8 with a scale each, for the caller's dispose scope.</summary>
    /// <param name="x">[rows, columns]; columns are a multiple of the elements that are read at once.</param>
    /// <param name="gelu">GELU (by tanh) first.</param>
    public LayerInput QuantiseRows(Tensor x, bool gelu)
    {
        var (rows, columns) = ((int)x.size(0), (int)x.size(1));
        var packs = columns / Width(config);
        if (columns % Width(config) != 0 || packs > HeldPacks * kernels.MostThreads || !x.is_contiguous())
            throw new ArgumentException($"rows of {columns} cannot be taken to float8 at once", nameof(x));
        var to = new LayerInput(
            empty([rows, columns], Float8Rows.Type, x.device), empty([rows, 1], ScalarType.Float32, x.device));
        // As few threads as can hold a row: more rows are under way at once.
        kernels.Launch("quantise_rows", (rows, 1, 1), BlocksOf(BlocksOf(packs, HeldPacks), 32) * 32,
            [Argument.Of(x), Argument.Of(to.Values), Argument.Of(to.Scales), Argument.Of(columns), Argument.Of(gelu ? 1 : 0)]);
        return to;
    }

    /// <summary>RMS norm of queries and keys over their full width, and their rotation.</summary>
    /// <param name="x">[rows * tokens, parts * dim].</param>
    /// <param name="query">Weight of the norm, and where it goes, [rows * tokens, dim].</param>
    /// <param name="key">The same for the second part; null where there is none.</param>
    /// <param name="turns">How they are rotated; null leaves them.</param>
    /// <param name="tokens">Tokens of a row.</param>
    public void NormRotate(Tensor x, (Tensor Weight, Tensor To) query, (Tensor Weight, Tensor To)? key, Turns? turns, int tokens)
    {
        Span<ulong> arguments =
        [
            Argument.Of(x), Argument.Of((int)x.size(-1)), Argument.Of(query.Weight), Argument.Of(key?.Weight), Argument.Of(query.To),
            Argument.Of(key?.To), Argument.Of(turns?.Space), turns?.QueryTime ?? 0, turns?.KeyTime ?? 0, Argument.Of(tokens),
            Argument.Of(turns?.FrameTokens ?? tokens), Argument.Of((float)config.Epsilon),
        ];
        var rows = (int)(x.numel() / x.size(-1)) / tokens;
        kernels.Launch("norm_rotate", (BlocksOf(tokens, BlockTokens), key is null ? 1 : 2, rows), _tokenThreads, arguments);
    }

    /// <summary>
    /// Attention of each row's first queries, and of the others to parts of the keys, as one tensor: results of the parts are averaged with
    /// what their exponentials add up to.
    /// </summary>
    /// <param name="first">[rows, first, heads, head_dim].</param>
    /// <param name="parts">[rows * parts, rest, heads, head_dim].</param>
    /// <param name="sums">Their logarithms, float32 [rows * parts, heads, rest].</param>
    /// <param name="to">[rows, first + rest, heads, head_dim].</param>
    public void JoinAttention(Tensor first, Tensor parts, Tensor sums, Tensor to)
    {
        var (rows, tokens, heads) = ((int)to.size(0), (int)to.size(1), (int)to.size(2));
        Span<ulong> arguments =
        [
            Argument.Of(first), Argument.Of(parts), Argument.Of(sums), Argument.Of(to), Argument.Of(tokens),
            Argument.Of((int)first.size(1)), Argument.Of((int)parts.size(0) / rows), Argument.Of(heads),
        ];
        var packs = tokens * heads * (config.HeadDim / Width(config));
        kernels.Launch("join_attention", (BlocksOf(packs, JoinThreads), rows, 1), JoinThreads, arguments);
    }

    /// <summary>Which sink each row's frame replaces; see the kernel.</summary>
    public void CompareSinks(
        Tensor keys, ulong values, int valueStride, Tensor keyMeans, Tensor valueMeans, ulong rows, ulong ends, Tensor fresh,
        Tensor partial, Tensor done, ulong refreshed, int rowCount, int sinks, int frameTokens)
    {
        Span<ulong> arguments =
        [
            Argument.Of(keys), values, Argument.Of(valueStride), Argument.Of(keyMeans), Argument.Of(valueMeans), rows, ends,
            Argument.Of(fresh), Argument.Of(partial), Argument.Of(done), refreshed, Argument.Of(sinks), Argument.Of(frameTokens),
        ];
        kernels.Launch("compare_sinks", (2 * _chunks, rowCount, 1), kernels.MostThreads, arguments);
    }

    /// <summary>Writes new frames into the cache and turns the keys of the window; see the kernel.</summary>
    public void WriteCache(
        Tensor keys, ulong values, int valueStride, Tensor cachedKeys, Tensor cachedValues, Tensor? unrotated, ulong rows, ulong slots,
        ulong refreshed, Tensor? turns, int rowCount, int outcomes, int tokens, int frameTokens, int window)
    {
        Span<ulong> arguments =
        [
            Argument.Of(keys), values, Argument.Of(valueStride), Argument.Of(cachedKeys), Argument.Of(cachedValues), Argument.Of(unrotated),
            rows, slots, refreshed, Argument.Of(turns), Argument.Of(outcomes), Argument.Of(tokens), Argument.Of(frameTokens),
            Argument.Of(window),
        ];
        kernels.Launch("write_cache", (BlocksOf(frameTokens, WriteTokens), window, rowCount), WriteThreads, arguments);
    }

    /// <summary>The same for a cache of some heads.</summary>
    /// <param name="some">int32, which heads of the block; null for all.</param>
    /// <param name="heads">How many.</param>
    /// <param name="isStreaming">True for the heads that hold fewer frames, of which rows then have their own number.</param>
    public void WriteCache(
        Tensor keys, ulong values, int valueStride, Tensor cachedKeys, Tensor cachedValues, Tensor? unrotated, ulong rows, ulong slots,
        ulong refreshed, Tensor? turns, int rowCount, int outcomes, int tokens, int frameTokens, int window, Tensor? some, int heads,
        bool isStreaming)
    {
        Span<ulong> arguments =
        [
            Argument.Of(keys), values, Argument.Of(valueStride), Argument.Of(cachedKeys), Argument.Of(cachedValues), Argument.Of(unrotated),
            rows, slots, refreshed, Argument.Of(turns), Argument.Of(outcomes), Argument.Of(tokens), Argument.Of(frameTokens),
            Argument.Of(window), Argument.Of(some), Argument.Of(heads), Argument.Of(isStreaming ? 1 : 0),
        ];
        kernels.Launch("write_cache_heads", (BlocksOf(frameTokens, WriteTokens), window, rowCount), WriteThreads, arguments);
    }

    private static int BlocksOf(int tokens, int each) => (tokens + each - 1) / each;

    // 16 bytes of bfloat16 at once where a head can be cut so.
    private static int Width(WanConfig config) => config.HeadDim % 8 == 0 ? 8 : config.HeadDim % 4 == 0 ? 4 : 2;

    private static int TokenThreads(WanConfig config, int most)
    {
        var packs = config.Dim / Width(config);
        return packs >= most ? most : (packs + 31) / 32 * 32;
    }
}

/// <summary>A factor or summand of each channel: float32 of the timestep, by row, plus float32 of the block.</summary>
/// <param name="Time">Address of [rows, 6, dim], moved to the part.</param>
/// <param name="Base">Address of [dim].</param>
internal readonly record struct Modulator(ulong Time, ulong Base);

/// <summary>What follows a layer norm: weight and bias, or scale and shift.</summary>
internal readonly record struct Norm(Modulator Shift, Modulator Scale, Tensor? Weight, Tensor? Bias);

/// <summary>Rotations of a tick's queries and keys.</summary>
/// <param name="Space">complex64 [frame tokens, pairs], by the place in a frame.</param>
/// <param name="QueryTime">Address of [rows, frames, pairs] cosines and sines.</param>
/// <param name="KeyTime">The same for keys; 0 where they are not rotated in time before they are read.</param>
/// <param name="FrameTokens">Tokens of a frame.</param>
internal readonly record struct Turns(Tensor Space, ulong QueryTime, ulong KeyTime, int FrameTokens);
