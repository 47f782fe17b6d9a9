using System.Globalization;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>A chain of libavfilter filters with at most one input and one output.</summary>
internal sealed unsafe class FilterGraph : IDisposable
{
    private AVFilterGraph* _graph;
    private AVFilterContext* _input;
    private AVFilterContext* _output;

    private FilterGraph(string? input, bool audio, string filters)
    {
        Av.Initialize();
        _graph = Av.Allocated(avfilter_graph_alloc());
        _graph->nb_threads = 1;
        try
        {
            Build(input, audio, filters);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Unit of the timestamps that come out.</summary>
    public Rational TimeBase => Av.ToRational(av_buffersink_get_time_base(_output));

    public Rational FrameRate => Av.ToRational(av_buffersink_get_frame_rate(_output));

    public static FilterGraph ForVideo(int width, int height, AVPixelFormat format, Rational timeBase, Rational pixelAspect, Rational frameRate, string filters) =>
        new(string.Create(CultureInfo.InvariantCulture,
            $"video_size={width}x{height}:pix_fmt={(int)format}:time_base={timeBase.Numerator}/{timeBase.Denominator}:pixel_aspect={pixelAspect.Numerator}/{pixelAspect.Denominator}:frame_rate={frameRate.Numerator}/{frameRate.Denominator}"),
            audio: false, filters);

    public static FilterGraph ForAudio(int sampleRate, string sampleFormat, string channelLayout, Rational timeBase, string filters) =>
        new($"sample_rate={sampleRate}:sample_fmt={sampleFormat}:channel_layout={channelLayout}:time_base={timeBase.Numerator}/{timeBase.Denominator}", audio: true, filters);

    /// <summary>A chain that begins with a source of its own.</summary>
    public static FilterGraph Source(string filters) => new(null, audio: false, filters);

    /// <summary>Gives a frame, or null for the end. The frame's contents are taken.</summary>
    public int Push(AVFrame* frame) => av_buffersrc_add_frame_flags(_input, frame, 0);

    /// <summary>Takes the next result; 0, AVERROR(EAGAIN) when more input is needed, AVERROR_EOF, or an error.</summary>
    public int Pull(AVFrame* frame) => av_buffersink_get_frame(_output, frame);

    public void Dispose()
    {
        var graph = _graph;
        _graph = null;
        if (graph != null)
            avfilter_graph_free(&graph);
    }

    private void Build(string? input, bool audio, string filters)
    {
        AVFilterContext* output;
        Av.Check(avfilter_graph_create_filter(&output, avfilter_get_by_name(audio ? "abuffersink" : "buffersink"), "out", null, null, _graph), "filter output");
        _output = output;

        AVFilterInOut* inputs = null;
        AVFilterInOut* outputs = null;
        try
        {
            inputs = End("out", _output);
            if (input is not null)
            {
                AVFilterContext* source;
                Av.Check(avfilter_graph_create_filter(&source, avfilter_get_by_name(audio ? "abuffer" : "buffer"), "in", input, null, _graph), $"filter input {input}");
                _input = source;
                outputs = End("in", _input);
            }
            Av.Check(avfilter_graph_parse_ptr(_graph, filters, &inputs, &outputs, null), $"filters '{filters}'");
        }
        finally
        {
            avfilter_inout_free(&inputs);
            avfilter_inout_free(&outputs);
        }
        Av.Check(avfilter_graph_config(_graph, null), $"filters '{filters}'");
    }

    private static AVFilterInOut* End(string name, AVFilterContext* filter)
    {
        var end = Av.Allocated(avfilter_inout_alloc());
        end->name = av_strdup(name);
        end->filter_ctx = filter;
        return end;
    }
}
