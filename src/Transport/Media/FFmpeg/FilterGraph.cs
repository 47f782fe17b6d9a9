using System.Globalization;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>A libavfilter graph with at most one input and one output, of pictures or of sound.</summary>
internal sealed unsafe class FilterGraph : IDisposable
{
    private AVFilterGraph* _graph;
    private AVFilterContext* _input;
    private AVFilterContext* _output;

    private FilterGraph()
    {
        _graph = avfilter_graph_alloc();
        _graph->nb_threads = 1;
    }

    /// <summary>Seconds per tick of what comes out.</summary>
    public Rational OutputTimeBase => av_buffersink_get_time_base(_output).ToRational();

    /// <summary>Frames a second of what comes out.</summary>
    public Rational OutputFrameRate => av_buffersink_get_frame_rate(_output).ToRational();

    /// <summary>Size of the pictures that come out.</summary>
    public (int Width, int Height) OutputSize => (av_buffersink_get_w(_output), av_buffersink_get_h(_output));

    /// <summary>A graph that turns pictures like the given one.</summary>
    public static FilterGraph ForFrames(AVFrame* example, Rational timeBase, string filters)
    {
        var aspect = example->sample_aspect_ratio;
        var input = string.Create(
            CultureInfo.InvariantCulture,
            $"buffer=video_size={example->width}x{example->height}:pix_fmt={example->format}"
                + $":time_base={timeBase.Numerator}/{timeBase.Denominator}:pixel_aspect={aspect.num}/{Math.Max(1, aspect.den)}");
        return Build(input, filters, "buffersink");
    }

    /// <summary>A graph that converts sound like the given frame.</summary>
    public static FilterGraph ForSound(AVFrame* example, Rational timeBase, string filters)
    {
        var layout = ChannelLayoutName(NativeObject.AddressOf(ref example->ch_layout));
        var format = av_get_sample_fmt_name((AVSampleFormat)example->format);
        var input = string.Create(
            CultureInfo.InvariantCulture,
            $"abuffer=time_base={timeBase.Numerator}/{timeBase.Denominator}:sample_rate={example->sample_rate}"
                + $":sample_fmt={format}:channel_layout={layout}");
        return Build(input, filters, "abuffersink");
    }

    /// <summary>A graph that makes pictures by itself.</summary>
    /// <exception cref="MediaException">The description is not understood.</exception>
    public static FilterGraph Generator(string filters) => Build("", filters, "buffersink");

    /// <summary>Makes the output give sound in frames of this many samples.</summary>
    public void SetFrameSize(int samples) => av_buffersink_set_frame_size(_output, (uint)samples);

    /// <summary>Hands a frame in and leaves it empty; null says that there are no more.</summary>
    public void Push(AVFrame* frame) => FFmpegError.ThrowIfFailed(av_buffersrc_add_frame(_input, frame), "filter input");

    /// <summary>Takes a frame out; false when there is none now or none any more.</summary>
    public bool TryPull(AVFrame* frame)
    {
        var result = av_buffersink_get_frame(_output, frame);
        return !FFmpegError.IsPause(result) && FFmpegError.ThrowIfFailed(result, "filter output") >= 0;
    }

    public void Dispose()
    {
        var graph = _graph;
        _graph = null;
        avfilter_graph_free(&graph);
    }

    private static FilterGraph Build(string input, string filters, string sink)
    {
        var chain = string.Join(",", new[]
        {
            input.Length > 0 ? input.Replace("buffer=", "buffer@in=", StringComparison.Ordinal) : "",
            filters,
            sink + "@out",
        }.Where(part => part.Length > 0));
        var built = new FilterGraph();
        try
        {
            built.Configure(chain, input.Length == 0 ? null : input[..input.IndexOf('=')], sink);
            return built;
        }
        catch
        {
            built.Dispose();
            throw;
        }
    }

    private void Configure(string chain, string? input, string sink)
    {
        AVFilterInOut* inputs = null, outputs = null;
        var result = avfilter_graph_parse2(_graph, chain, &inputs, &outputs);
        avfilter_inout_free(&inputs);
        avfilter_inout_free(&outputs);
        FFmpegError.ThrowIfFailed(result, chain);
        FFmpegError.ThrowIfFailed(avfilter_graph_config(_graph, null), chain);
        _input = input is null ? null : avfilter_graph_get_filter(_graph, input + "@in");
        _output = avfilter_graph_get_filter(_graph, sink + "@out");
    }

    private static string ChannelLayoutName(AVChannelLayout* layout)
    {
        const int Size = 128;
        var given = *layout;
        if (layout->order == AVChannelOrder.AV_CHANNEL_ORDER_UNSPEC)
        {
            av_channel_layout_default(&given, layout->nb_channels);
        }

        var buffer = stackalloc byte[Size];
        _ = av_channel_layout_describe(&given, buffer, Size);
        return System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)buffer) ?? "stereo";
    }
}
